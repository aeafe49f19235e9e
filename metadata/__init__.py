"""The metadata database in PostgreSQL: its tables, their migrations, and what reads and writes them."""
