"""Metrics over HTTP: addresses, what may be asked of them, the cache."""
