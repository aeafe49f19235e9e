"""What nothing can be faster than: bytes off the broker, a parser, blocks into ClickHouse, bytes between processes."""
