"""Traffic for trying the product: a generated world, and real rides of New York."""
