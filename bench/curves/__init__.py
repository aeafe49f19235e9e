"""How the product's figures change with what is asked of it: each curve one declaration, measured point by point."""
