"""Columns of decoded events under their names in ClickHouse, so that one declaration counts events and rows alike."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from msgspec.structs import astuple
from xxhash import xxh64_intdigest

from streams.codec import spec_of
from streams.errors import ConfigurationError
from streams.events import EventSpec
from streams.events.columns import POSITION
from streams.moments import Stamps, milliseconds
from tables.aggregates import Aggregate, Values

Spotter = Callable[[Any], tuple[Any, ...]]
"""Tells what `streams.events.columns.POSITION` names of a position field, as the row will have it."""
Places = Sequence[tuple[int, Aggregate]]
"""Measures that look at one event type, with their places among all."""
Members = list[int]
"""Positions of some events."""
Groups = dict[tuple[Any, ...], Members]
"""Which events share a key."""


_SPOT = tuple(name for name, _, _ in POSITION)


class Folder(Protocol):
    """Counts events of one type and batch."""

    def __call__(self, members: Members, states: list[Any] | None = None) -> list[Any]:
        """The states of these events; the ones given, changed, if there are some."""


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
        self._spots: dict[str, dict[str, Values]] = {}
        self._panes: dict[int, dict[int, Members]] = {}
        self._groups: dict[tuple[int, tuple[str, ...], str], dict[int, Groups]] = {}

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

    def groups(self, pane: int, key: tuple[str, ...], where: str) -> dict[int, Groups]:
        """Which events share a pane of so many seconds and a key, by its start; none that `where` leaves out."""
        found = self._groups.get((pane, key, where))
        if found is None:
            columns = [self.key(name) for name in key]
            wanted = self[where] if where else None
            panes = {start: _by_key(columns, wanted, members) for start, members in self._by_pane(pane).items()}
            found = self._groups[pane, key, where] = {start: groups for start, groups in panes.items() if groups}
        return found

    def owners(self, key: tuple[str, ...]) -> dict[tuple[str | int, ...], Members]:
        """Positions of the events by key, of which only the first part that has a value is given; the others are ''."""
        found: dict[tuple[str | int, ...], Members] = {}
        left: Iterable[int] = range(len(self.events))
        for place, name in enumerate(key):
            groups: dict[Any, Members] = defaultdict(list)
            values = self[name]
            for index in left:
                groups[values[index] or ""].append(index)
            left = groups.pop("", ())
            before, after = ("",) * place, ("",) * (len(key) - place - 1)
            for value, members in groups.items():
                found[*before, value, *after] = members
        return found

    @property
    def stamps(self) -> Stamps:
        """Times of the events, milliseconds since 1970, cut as ClickHouse cuts them."""
        if self._stamps is None:
            self._stamps = milliseconds([event.time for event in self.events])
        return self._stamps

    def _by_pane(self, pane: int) -> dict[int, Members]:
        """The events of each pane, by its start. Most batches lie in one."""
        found = self._panes.get(pane)
        if found is None:
            seconds = self.stamps // 1000
            starts = seconds - seconds % pane
            first = int(starts[0])
            if (starts == first).all():
                found = {first: [*range(len(starts))]}
            else:
                found = defaultdict(list)
                for place, start in enumerate(starts.tolist()):
                    found[start].append(place)
            self._panes[pane] = found
        return found

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
            return [xxh64_intdigest(value.encode()) if value else None for value in values]
        if name == "event_type":
            return [spec.name] * len(self.events)
        if name in spec.fields and name not in spec.positions:
            return self.field(name)
        prefix, _, part = name.rpartition("_")
        if prefix in spec.positions:
            spots = self._spots.get(prefix)
            if spots is None:
                spots = dict(zip(_SPOT, zip(*map(self._spot, self.field(prefix)), strict=True), strict=True))
                self._spots[prefix] = spots
            return spots[part]
        if name in {column.name for column in spec.domain.derived}:
            raise ConfigurationError(f"column {name!r} is added after windows have counted; count another one")
        return [None] * len(self.events)


def by_type(events: Sequence[Any], spot: Spotter) -> list[tuple[Columns, Members | None]]:
    """Decoded events as columns, one set for each type, with their places in `events`; None: all of them."""
    if len(found := set(map(type, events))) == 1:
        return [(Columns(spec_of(kind), events, spot), None) for kind in found]
    kinds: dict[type, Members] = {}
    for place, event in enumerate(events):
        kinds.setdefault(type(event), []).append(place)
    return [(Columns(spec_of(kind), [events[i] for i in places], spot), places) for kind, places in kinds.items()]


def folder(measures: Places, size: int, columns: Columns, weight: int) -> Folder:
    """Counts some of these events into states: a list of `size`, None where no measure has looked."""
    looks = [(place, measure, [columns[name] for name in measure.columns]) for place, measure in measures]
    counts = [(place, measure) for place, measure, chosen in looks if not chosen]
    reads = [(place, measure.fold, measure.merge, chosen) for place, measure, chosen in looks if chosen]
    counted: dict[int, list[Any]] = {}
    whole = len(columns.events)

    def count(many: int) -> list[Any]:
        """What measures say that see nothing but how many events there are."""
        states = counted[many] = [None] * size
        for place, measure in counts:
            states[place] = measure.fold([range(many)], weight)
        return states

    def fold(members: Members, states: list[Any] | None = None) -> list[Any]:
        many = len(members)
        known = counted.get(many) or count(many)
        if states is None:
            states = known.copy()
        else:
            for place, measure in counts:
                state = states[place]
                states[place] = known[place] if state is None else measure.merge(state, known[place])
        for place, folded, merge, chosen in reads:
            state = states[place]
            more = folded(chosen if many == whole else [[column[i] for i in members] for column in chosen], weight)
            states[place] = more if state is None else state if more is None else merge(state, more)
        return states

    return fold


def _by_key(columns: Sequence[Values], wanted: Values | None, members: Members) -> Groups:
    """Which of these events share a key of columns, without those whose `wanted` is empty."""
    if wanted is not None:
        members = [place for place in members if wanted[place]]
    if not columns:
        return {(): members} if members else {}
    found: dict[Any, Members] = defaultdict(list)
    if len(columns) > 1:
        for place in members:
            found[tuple([column[place] for column in columns])].append(place)
        return found
    (values,) = columns
    for place in members:
        found[values[place]].append(place)
    return {(value,): group for value, group in found.items()}
