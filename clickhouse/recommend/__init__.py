"""Recommended routes: what people with routes in common took, and how often that hits."""
