"""The product itself, counting the one window that the peers count."""
