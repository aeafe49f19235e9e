"""A clock for code that is given one."""

from datetime import UTC, datetime

import pytest


class Clock:
    """Stands until it is set."""

    def __init__(self) -> None:
        self.now = datetime(2030, 5, 20, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        """Its time."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """A clock that nobody else has."""
    return Clock()
