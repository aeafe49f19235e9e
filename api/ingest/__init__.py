"""HTTP ingestion: events posted with an API key, judged as the worker judges them, acknowledged by the broker."""
