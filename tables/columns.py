"""Columns of decoded events under their names in ClickHouse, so that one declaration counts events and rows alike."""

from collections.abc import Callable, Sequence
from typing import Any

from streams.errors import ConfigurationError
from streams.events import EventSpec

Spotter = Callable[[Any], Any]
"""Tells zone, city, state, country and cell of a position field, as the columns of the row will have them."""


class Columns:
    """The columns of some events of one type, each computed once."""

    def __init__(self, spec: EventSpec, events: Sequence[Any], spot: Spotter) -> None:
        self._spec = spec
        self.events = events
        self._spot = spot
        self._made: dict[str, list[Any]] = {}
        self._spots: dict[str, list[Any]] = {}

    def __getitem__(self, name: str) -> list[Any]:
        """Values, None where an event has none. A column that the type lacks is None everywhere."""
        made = self._made.get(name)
        if made is None:
            made = self._made[name] = self._make(name)
        return made

    def key(self, name: str) -> list[Any]:
        """Values as parts of a key: '' where a text is missing, 0 where a cell is."""
        values = self[name]
        empty: Any = 0 if name.endswith("_cell") else ""
        return [empty if value is None else value for value in values] if None in values else values

    def seconds(self) -> list[int]:
        """Event times, whole seconds since 1970."""
        if "seconds" not in self._made:
            self._made["seconds"] = [int(event.time.timestamp()) for event in self.events]
        return self._made["seconds"]

    def _make(self, name: str) -> list[Any]:
        spec = self._spec
        if name == "event_type":
            return [spec.name] * len(self.events)
        if name in spec.fields and name not in spec.positions:
            return [getattr(event.data, name) for event in self.events]
        prefix, _, part = name.rpartition("_")
        if prefix in spec.positions:
            spots = self._spots.get(prefix)
            if spots is None:
                spots = [self._spot(getattr(event.data, prefix)) for event in self.events]
                self._spots[prefix] = spots
            return [getattr(each, part) for each in spots]
        if name in {column.name for column in spec.domain.derived}:
            raise ConfigurationError(f"column {name!r} is added after windows have counted; count another one")
        return [None] * len(self.events)
