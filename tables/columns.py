"""Columns of decoded events under their names in ClickHouse, so that one declaration counts events and rows alike."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import Any

from msgspec.structs import astuple
from xxhash import xxh64_intdigest

from streams.codec import spec_of
from streams.errors import ConfigurationError
from streams.events import EventSpec
from streams.moments import Stamps, milliseconds
from tables.aggregates import Aggregate, Values

Spotter = Callable[[Any], Any]
"""Tells zone, city, state, country and cell of a position field, as the columns of the row will have them."""
Places = Sequence[tuple[int, Aggregate]]
"""Measures that look at one event type, with their places among all."""


class Columns:
    """The columns of some events of one type, each computed once."""

    HASHED = "#"
    """In front of a column's name: the hashes of its values, as `tables.sketch` has them; None where there is none."""

    def __init__(self, spec: EventSpec, events: Sequence[Any], spot: Spotter) -> None:
        self.spec = spec
        self.events = events
        self._data = [event.data for event in events]
        self._spot = spot
        self._stamps: Stamps | None = None
        self._fields: dict[str, Values] = {}
        self._made: dict[str, Values] = {}
        self._spots: dict[str, list[Any]] = {}
        self._groups: dict[tuple[int, tuple[str, ...], str], dict[tuple[Any, ...], list[int]]] = {}

    def __getitem__(self, name: str) -> Values:
        """Values, None where an event has none. A column that the type lacks is None everywhere."""
        made = self._made.get(name)
        if made is None:
            made = self._made[name] = self._make(name)
        return made

    def key(self, name: str) -> Values:
        """Values as parts of a key: '' where a text is missing, 0 where a cell is."""
        values = self[name]
        empty: Any = 0 if name.endswith("_cell") else ""
        return [empty if value is None else value for value in values] if None in values else values

    def groups(self, pane: int, key: tuple[str, ...], where: str) -> dict[tuple[Any, ...], list[int]]:
        """Which events share a pane and a key: positions by (start, *key), without those that `where` leaves out."""
        found = self._groups.get((pane, key, where))
        if found is None:
            found = self._groups[pane, key, where] = defaultdict(list)
            starts = self._starts(pane)
            if not key and not where and min(starts) == max(starts):
                found[starts[0],] = list(range(len(starts)))
                return found
            lines = zip(starts, *(self.key(name) for name in key), strict=True)
            if where:
                for index, (line, wanted) in enumerate(zip(lines, self[where], strict=True)):
                    if wanted:
                        found[line].append(index)
            else:
                for index, line in enumerate(lines):
                    found[line].append(index)
        return found

    def owners(self, key: tuple[str, ...]) -> dict[tuple[str | int, ...], list[int]]:
        """Positions of the events by key, of which only the first part that has a value is given; the others are ''."""
        found: dict[tuple[str | int, ...], list[int]] = {}
        left: Iterable[int] = range(len(self.events))
        for place, name in enumerate(key):
            groups: dict[Any, list[int]] = defaultdict(list)
            values = self[name]
            for index in left:
                groups[values[index] or ""].append(index)
            left = groups.pop("", ())
            for value, members in groups.items():
                found[("",) * place + (value,) + ("",) * (len(key) - place - 1)] = members
        return found

    @property
    def stamps(self) -> Stamps:
        """Times of the events, milliseconds since 1970, cut as ClickHouse cuts them."""
        if self._stamps is None:
            self._stamps = milliseconds([event.time for event in self.events])
        return self._stamps

    def _starts(self, pane: int) -> list[int]:
        seconds = self.stamps // 1000
        starts: list[int] = (seconds - seconds % pane).tolist()
        return starts

    def field(self, name: str) -> Values:
        """Values of a field as events have it. An event is taken apart once for all fields, which is much faster."""
        if not self._fields and self._data:
            names = type(self._data[0]).__struct_fields__
            self._fields = dict(zip(names, zip(*map(astuple, self._data), strict=True), strict=True))
        return self._fields[name] if self._data else ()

    def _make(self, name: str) -> Values:
        spec = self.spec
        if name.startswith(self.HASHED):
            values = self[name.removeprefix(self.HASHED)]
            hashes = {each: xxh64_intdigest(each.encode("utf-8", "surrogatepass")) for each in set(values) if each}
            return [hashes.get(each) for each in values]
        if name == "event_type":
            return [spec.name] * len(self.events)
        if name in spec.fields and name not in spec.positions:
            return self.field(name)
        prefix, _, part = name.rpartition("_")
        if prefix in spec.positions:
            spots = self._spots.get(prefix)
            if spots is None:
                spots = list(map(self._spot, self.field(prefix)))
                self._spots[prefix] = spots
            return list(map(attrgetter(part), spots))
        if name in {column.name for column in spec.domain.derived}:
            raise ConfigurationError(f"column {name!r} is added after windows have counted; count another one")
        return [None] * len(self.events)


def by_type(events: Sequence[Any], spot: Spotter) -> list[tuple[Columns, list[int]]]:
    """Decoded events as columns, one set for each type among them, with their places in `events`."""
    kinds: dict[type, list[int]] = {}
    for place, event in enumerate(events):
        kinds.setdefault(type(event), []).append(place)
    if len(kinds) == 1:
        return [(Columns(spec_of(kind), events, spot), places) for kind, places in kinds.items()]
    return [(Columns(spec_of(kind), [events[i] for i in places], spot), places) for kind, places in kinds.items()]


def folder(measures: Places, size: int, columns: Columns, weight: int) -> Callable[[list[int]], list[Any]]:
    """Makes the states of some of these events: a list of `size`, None where no measure looks."""
    looks = [(place, measure.fold, [columns[name] for name in measure.columns]) for place, measure in measures]
    whole = len(columns.events)

    def fold(members: list[int]) -> list[Any]:
        states: list[Any] = [None] * size
        for place, folded, chosen in looks:
            if chosen and len(members) < whole:
                chosen = [[column[i] for i in members] for column in chosen]
            states[place] = folded(chosen or [members], weight)
        return states

    return fold
