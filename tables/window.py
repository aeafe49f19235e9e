"""Declare what is counted over time: measures by key, and the windows over them, each in one line.

    BOOKINGS = Measures("rides.bookings", RIDES, on=("booking.created",), measures=(Count("created"),))
    tumbling("rides.bookings.1m", BOOKINGS, size=60)
    hopping("rides.bookings.1h", BOOKINGS, size=3600, slide=60)
    session(Session("ticketing.sessions", TICKETING, VISIT_TYPES, key=("session_id", "user_id"), gap=1800))

Events are counted once, into the slices ("panes") that all windows over the same measures can be put together from; a
pane is as long as the greatest common divisor of their sizes and slides (stream slicing: Carbone et al., Cutty, 2016).
So the sizes always agree: five windows of a minute are one of five minutes.

An event may come `lateness` seconds after its pane ended, by the watermark of its shard; it corrects every window over
that pane. A later one is counted as late, and stored in ClickHouse like any other. For a session, which has no end of
its own, an event is late `gap + lateness` seconds after itself.
"""

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from streams.errors import ConfigurationError
from streams.events import registry
from streams.events.domains import Domain
from tables.aggregates import Aggregate

LATENESS = 600
"""Seconds, unless a declaration says otherwise."""
KEEP = 3600
"""Seconds that a window stays readable after the last event that could change it."""
ENDED_SECONDS = 3600
"""How far back the live numbers of ended sessions go."""
ENDED_SLIDE = 60


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
            if not measure.rebuilds:
                raise ConfigurationError(
                    f"{self.name}.{measure.name}: {type(measure).__name__} cannot be counted again from rows; "
                    "it counts sessions that ended, so declare it in a session's `ended`"
                )
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

    @property
    def is_kept(self) -> bool:
        """Whether it is written to ClickHouse once it has closed: hopping ones follow from the tumbling ones."""
        return self.size == self.slide

    def starts(self, pane: int, pane_size: int) -> Iterator[int]:
        """Starts of the windows that hold the pane beginning at this second, oldest first."""
        first = (pane + pane_size - self.size + self.slide - 1) // self.slide * self.slide
        yield from range(first, pane + 1, self.slide)


DURATION = "duration_s"
"""The number of a session that no measure makes: seconds from its first event to its last."""


@dataclass(frozen=True, slots=True, eq=False)
class Session(Measures):
    """Windows as long as somebody is active: two events of a key belong together if at most `gap` seconds part them.

    Of the columns of `key` the first that has a value names whose session it is. A session is in memory for `retention`
    seconds longer than an event could still change it.
    """

    gap: int = 1800
    ended: tuple[Aggregate, ...] = ()
    """What is told live of the sessions that have ended, over their numbers: `duration_s`, and their own measures."""

    def __post_init__(self) -> None:
        """Refuse what could never be counted."""
        super(Session, self).__post_init__()
        if self.gap < 1 or not self.key or self.where:
            raise ConfigurationError(f"session {self.name!r} needs a key, a gap of a second or more, and no `where`")
        numbers = {DURATION, *(measure.name for measure in self.measures)}
        for measure in self.ended:
            if not measure.subtracts:
                raise ConfigurationError(f"session {self.name!r}: {measure.name} cannot take back what has changed")
            if unknown := set(measure.columns) - numbers:
                raise ConfigurationError(
                    f"session {self.name!r}: {measure.name} counts {', '.join(sorted(unknown))}, but a session has "
                    f"{', '.join(sorted(numbers))}"
                )

    @property
    def over(self) -> "Session":
        """Itself: its states are written and read as those of slices are."""
        return self

    @property
    def late_ms(self) -> int:
        """An event is late if it lies so many milliseconds, or more, before the watermark of its batch."""
        return (self.gap + self.lateness) * 1000

    @property
    def keep_ms(self) -> int:
        """Milliseconds from a session's last event until nothing needs it any more; `tables.sessions` tells why."""
        return (2 * self.gap + self.lateness + self.retention) * 1000


@dataclass(frozen=True, slots=True, eq=False)
class Ended(Measures):
    """What is counted of sessions when they end; no event is counted into it by itself."""

    sessions: Session | None = None

    def __post_init__(self) -> None:
        """Nothing to refuse: the session has been looked at."""


def _digest(facts: Any) -> str:
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:8]


@dataclass(slots=True)
class Slices:
    """All windows over the same measures."""

    over: Measures
    windows: list[Window] = field(default_factory=list)
    pane: int = 0
    """Seconds of a pane."""
    _dialect: str = ""

    def add(self, window: Window) -> None:
        """Put panes together to this window too."""
        self.windows.append(window)
        self.pane = math.gcd(self.pane, window.size, window.slide)
        self._dialect = ""

    @property
    def dialect(self) -> str:
        """Digits that are others where another version's panes and states mean something else."""
        if not self._dialect:
            over = self.over
            measures = [(type(each).__name__, each.name, each.on, each.columns, each.parts) for each in over.measures]
            self._dialect = _digest((self.pane, over.on, over.key, over.where, measures))
        return self._dialect

    @property
    def name(self) -> str:
        """The measures' name."""
        return self.over.name

    @property
    def keep(self) -> int:
        """Seconds from a pane's end until nothing needs it any more."""
        return max(window.size for window in self.windows) + self.over.lateness + self.over.retention

    @property
    def session(self) -> Session | None:
        """The sessions whose ends are counted here; None where events are."""
        return self.over.sessions if isinstance(self.over, Ended) else None


@dataclass(slots=True)
class Declared:
    """Everything that is counted over time."""

    slices: dict[str, Slices] = field(default_factory=dict)
    windows: dict[str, Window] = field(default_factory=dict)
    sessions: dict[str, Session] = field(default_factory=dict)

    @property
    def dialect(self) -> str:
        """The same of everything that is declared."""
        return _digest({name: slices.dialect for name, slices in self.slices.items()})

    def _claim(self, name: str) -> None:
        if name in self.windows:
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
        self.slices.setdefault(over.name, Slices(over)).add(window)
        return window

    def session(self, session: Session) -> Session:
        """Windows of activity, and under the same name an hour of those that have ended. Raises ConfigurationError."""
        over = Ended(
            session.name,
            session.domain,
            session.on,
            session.ended,
            lateness=session.gap + session.lateness,
            doc=session.doc,
            sessions=session,
        )
        self.hopping(session.name, over, size=ENDED_SECONDS, slide=ENDED_SLIDE)
        self.sessions[session.name] = session
        return session

    def feeds(self, event_type: str) -> list[Slices]:
        """The slices that an event type is counted into."""
        return [each for each in self.slices.values() if event_type in each.over.on and each.session is None]
