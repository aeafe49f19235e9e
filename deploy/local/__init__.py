"""The embedded stack: broker, ClickHouse, Redis and PostgreSQL from wheels, no Docker, no root."""
