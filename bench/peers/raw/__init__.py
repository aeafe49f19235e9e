"""Fetching and decoding alone: the physical limit."""
