"""Declare what is counted over time: measures by key, and the windows over them, each in one line.

    BOOKINGS = Measures("rides.bookings", RIDES, on=("booking.created",), measures=(Count("created"),))
    tumbling("rides.bookings.1m", BOOKINGS, size=60)
    hopping("rides.bookings.1h", BOOKINGS, size=3600, slide=60)

Events are counted once, into the slices ("panes") that all windows over the same measures can be put together from; a
pane is as long as the greatest common divisor of their sizes and slides (stream slicing: Carbone et al., Cutty, 2016).
So the sizes always agree: five windows of a minute are one of five minutes.

An event may come `lateness` seconds after its pane ended, by the watermark of its shard; it corrects every window over
that pane. A later one is counted as late, and stored in ClickHouse like any other.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

from streams.errors import ConfigurationError
from streams.events import registry
from streams.events.domains import Domain
from tables.aggregates import Aggregate

LATENESS = 600
"""Seconds, unless a declaration says otherwise."""
KEEP = 3600
"""Seconds that a window stays readable after the last event that could change it."""


@dataclass(frozen=True, slots=True, eq=False)
class Measures:
    """Which events are counted, by which key, and how."""

    name: str
    domain: Domain
    on: tuple[str, ...]
    """Event types."""
    measures: tuple[Aggregate, ...]
    key: tuple[str, ...] = ()
    """Columns of ClickHouse whose values make the key; none: one line for everything."""
    where: str = ""
    """A column that must have a value, such as `pickup_zone`: events without it are not counted."""
    lateness: int = LATENESS
    retention: int = KEEP
    doc: str = ""

    def __post_init__(self) -> None:
        """Refuse what could never be counted."""
        wanted = set(self.on)
        known = {spec.name for spec in registry.of(self.domain)}
        if unknown := wanted - known:
            raise ConfigurationError(f"{self.name}: no event {', '.join(sorted(unknown))} in {self.domain.name}")
        for measure in self.measures:
            if stray := set(measure.on) - wanted:
                raise ConfigurationError(f"{self.name}.{measure.name} is on {', '.join(stray)}, which `on` lacks")
        columns = {column.name for column in registry.raw_columns(self.domain)}
        needed = {*self.key, *(name for measure in self.measures for name in measure.columns)}
        needed = {name.removeprefix("#") for name in needed}
        if self.where:
            needed.add(self.where)
        if missing := needed - columns:
            raise ConfigurationError(
                f"{self.name}: {self.domain.raw_table} has no column {', '.join(sorted(missing))}; "
                "name the columns as ClickHouse has them"
            )

    def of(self, event_type: str) -> list[tuple[int, Aggregate]]:
        """The measures that look at an event type, with their places."""
        return [
            (place, measure)
            for place, measure in enumerate(self.measures)
            if not measure.on or event_type in measure.on
        ]


@dataclass(frozen=True, slots=True)
class Window:
    """A tumbling or hopping window: `size` seconds long, one every `slide` seconds."""

    name: str
    over: Measures
    size: int
    slide: int

    def starts(self, pane: int, pane_size: int) -> Iterator[int]:
        """Starts of the windows that hold the pane beginning at this second, oldest first."""
        first = (pane + pane_size - self.size + self.slide - 1) // self.slide * self.slide
        yield from range(first, pane + 1, self.slide)


@dataclass(frozen=True, slots=True)
class Session:
    """Windows as long as somebody is active: they end when `gap` seconds pass without an event of the key."""

    name: str
    domain: Domain
    on: tuple[str, ...]
    key: tuple[str, ...]
    """Columns; the first that has a value names whose session it is."""
    gap: int
    measures: tuple[Aggregate, ...] = ()
    lateness: int = LATENESS
    doc: str = ""


@dataclass(slots=True)
class Slices:
    """All windows over the same measures."""

    over: Measures
    windows: list[Window] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The measures' name."""
        return self.over.name

    @property
    def pane(self) -> int:
        """Seconds of a pane."""
        return math.gcd(*(n for window in self.windows for n in (window.size, window.slide)))

    @property
    def keep(self) -> int:
        """Seconds from a pane's end until nothing needs it any more."""
        return max(window.size for window in self.windows) + self.over.lateness + self.over.retention


@dataclass(slots=True)
class Declared:
    """Everything that is counted over time."""

    slices: dict[str, Slices] = field(default_factory=dict)
    windows: dict[str, Window] = field(default_factory=dict)
    sessions: dict[str, Session] = field(default_factory=dict)

    def _claim(self, name: str) -> None:
        if name in self.windows or name in self.sessions:
            raise ConfigurationError(f"window {name!r} is declared twice; rename one of them")

    def tumbling(self, name: str, over: Measures, *, size: int) -> Window:
        """Windows of `size` seconds, one after the other, beginning at multiples of `size` since 1970."""
        return self.hopping(name, over, size=size, slide=size)

    def hopping(self, name: str, over: Measures, *, size: int, slide: int) -> Window:
        """Windows of `size` seconds, one every `slide` seconds. Raises ConfigurationError."""
        self._claim(name)
        if slide < 1 or size % slide:
            raise ConfigurationError(f"window {name!r}: size {size} is not a multiple of slide {slide}")
        known = self.slices.get(over.name)
        if known is not None and known.over is not over:
            raise ConfigurationError(f"measures {over.name!r} are declared twice; rename one of them")
        window = Window(name, over, size, slide)
        self.windows[name] = window
        self.slices.setdefault(over.name, Slices(over)).windows.append(window)
        return window

    def session(self, session: Session) -> Session:
        """Windows of activity. Raises ConfigurationError."""
        self._claim(session.name)
        self.sessions[session.name] = session
        return session

    def feeds(self, event_type: str) -> list[Slices]:
        """The slices that an event type is counted into."""
        return [slices for slices in self.slices.values() if event_type in slices.over.on]
