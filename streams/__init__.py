"""Millrace: domain events from Kafka into ClickHouse, exactly once. `faust -A streams worker` finds `app` here."""

from typing import Any


def __getattr__(name: str) -> Any:
    """Load the worker's app on first use, so that importing a model never starts the roof (decision 0003)."""
    if name == "app":
        from streams.worker import app

        return app
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
