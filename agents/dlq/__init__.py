"""Dead letters brought back into the stream, or given up, by command."""
