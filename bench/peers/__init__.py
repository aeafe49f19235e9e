"""The whole job done by others: each peer in an environment of its own, on the same events, broker and ClickHouse."""
