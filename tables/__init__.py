"""Windowed tables in the workers' memory, and the one view over all of them."""
