"""How Millrace runs: the embedded stack, and files for other platforms."""
