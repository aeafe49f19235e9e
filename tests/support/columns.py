"""Events as the windows see them."""

from collections.abc import Sequence
from typing import Any

from agents.locate import UNKNOWN
from tables.columns import Columns, by_type


def columns_of(events: Sequence[Any]) -> list[Columns]:
    """Decoded events as columns by type; every position is nowhere."""
    return [columns for columns, _ in by_type(events, lambda _: UNKNOWN)]
