"""What the answers look like, for OpenAPI and docs/API.md; a test holds real answers against it."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class Shard(_Model):
    """One shard, as it was last heard of; what it says of itself is missing where it never spoke."""

    shard: int
    """Number of the shard, which is the partition of every source topic."""
    stale: bool
    """It has not been heard of for `LIVE_STALE_SECONDS`; its part of every number has stood still since."""
    alive: bool
    """Somebody may still own it."""
    other_version: bool
    """Its worker is of a version that counts otherwise; not all of its numbers are in the answer."""
    age_seconds: float | None
    """Seconds since it was last heard of."""
    as_of: datetime | None
    """When it was last heard of."""
    watermark: datetime | None = None
    """No event older than this is expected from it, but late ones."""
    state: str = ""
    """running, closed, waiting ... as on the worker's page."""
    seq: int = 0
    """The intent that its numbers hold."""
    lag: int = 0
    """Records in Kafka that no delivered batch has taken."""
    freshness_p95_seconds: float | None = None
    """Record timestamp to queryable row, p95 of its newest batch."""
    late: int = 0
    """Events that came too late for their window since its owner began; they are in ClickHouse all the same."""
    rows: dict[str, int] = Field(default_factory=dict)
    """Rows delivered since its owner began, by domain."""
    dead_letters: dict[str, int] = Field(default_factory=dict)
    """Dead letters since its owner began, by reason."""
    active_sessions: dict[str, int] = Field(default_factory=dict)
    """Sessions that go on, by window."""
    worker: str = ""
    """Address of its owner's pages."""


class Head(_Model):
    """What every live answer says of itself."""

    as_of: datetime | None
    """The newest shard's clock: what the numbers know of. Null where nothing was ever published."""
    watermark: datetime | None
    """The lowest of the living shards; windows that end before it are closed."""
    lateness_seconds: float | None
    """How far the watermark is behind `as_of`."""
    complete: bool
    """Every shard is known and none is stale."""
    stale_shards: list[int]
    """Shards whose part of every number stands still."""
    active_sessions: dict[str, int]
    """Sessions that go on, by session window: those whose last event the watermark has not passed by the gap."""
    shards: list[Shard]
    """All shards."""


class Period(_Model):
    """A stretch of time: from `start` up to, but without, `end`."""

    start: datetime
    """Beginning."""
    end: datetime
    """End."""


class Realtime(Head):
    """The last hour of each domain."""

    period: Period
    """The hour; its last minute is still running."""
    domains: dict[str, dict[str, dict[str, Any]]]
    """Values by domain, measures and measure; amounts are strings by currency. `/v1/live/windows` explains each."""


class Minutes(_Model):
    """The minutes of the hour, one list for each measure."""

    starts: list[int]
    """Beginnings, seconds since 1970."""
    closed: list[bool]
    """Whether a minute can only be changed by late events."""
    windows: dict[str, dict[str, Any]]
    """Lists by measures and measure, or by part of the measure."""


class Cell(_Model):
    """Demand and supply in one H3 cell over the last quarter of an hour."""

    cell: str
    """H3 index."""
    bookings: int
    """Bookings asked for."""
    drivers: int
    """Drivers seen."""


class Zone(_Model):
    """Demand in one pickup zone."""

    zone: str
    """Name of the zone."""
    bookings: int
    """Bookings asked for."""


class Dashboard(Realtime):
    """All that the dashboard shows."""

    minutes: Minutes
    """The hour, minute by minute."""
    cells: list[Cell]
    """Demand and supply by place, of the last quarter of an hour; the 2,000 busiest cells."""
    zones: list[Zone]
    """The busiest pickup zones of the last quarter of an hour."""
    interactions: dict[str, int]
    """Interactions of ticketing in the hour, by event type."""


class Measure(_Model):
    """One number of a window."""

    name: str
    """As in `values`."""
    kind: str
    """How it is made: count, money, distinct ..."""
    unit: str
    """What it counts or is measured in."""
    doc: str
    """What it means."""
    events: list[str]
    """Event types it looks at."""


class Session(_Model):
    """Windows as long as somebody is active."""

    gap_seconds: int
    """Two events of a key belong together if at most so many seconds part them."""
    key: list[str]
    """Columns; the first that has a value names whose session it is."""
    measures: list[Measure]
    """Numbers of each session, as they stand in `metrics_realtime`, beside `duration_s`."""


class WindowInfo(_Model):
    """A window that can be asked for."""

    name: str
    """As in the address."""
    domain: str
    """Its domain."""
    doc: str
    """What it is about."""
    size_seconds: int
    """Length."""
    slide_seconds: int
    """A window begins so often; less than the length: they overlap."""
    pane_seconds: int
    """Length of the panes that it is put together from."""
    kept_seconds: int
    """How long it can be asked for."""
    lateness_seconds: int
    """How late an event may come and still be counted."""
    key: list[str]
    """Key columns; none: one row for everything."""
    session: Session | None
    """What makes a session, of windows over those that have ended; else null."""
    events: list[str]
    """Event types that are counted."""
    measures: list[Measure]
    """Its numbers."""


class Windows(_Model):
    """Every window."""

    windows: list[WindowInfo]
    """In the order of their declaration."""


class Row(_Model):
    """One window of one key."""

    start: datetime
    """Beginning."""
    end: datetime
    """End; the window does not hold it."""
    closed: bool
    """No event but a late one can change it."""
    kept: bool
    """False: some of its panes have expired, so the numbers are too low; ask ClickHouse."""
    key: dict[str, str]
    """Value of each key column."""
    values: dict[str, Any]
    """Value of each measure; amounts are strings by currency."""


class WindowAnswer(Head):
    """Rows of one window."""

    name: str
    """The window."""
    size_seconds: int
    """Length."""
    slide_seconds: int
    """A window begins so often."""
    rows: list[Row]
    """By time, and then in the order asked for."""


class Cells(_Model):
    """Outlines of H3 cells."""

    cells: dict[str, list[Annotated[list[float], Field(min_length=2, max_length=2)]]]
    """Corners of each cell as latitude and longitude."""


class Ready(_Model):
    """Whether requests can be answered."""

    ready: bool
    """Redis or ClickHouse answers."""
    redis: str
    """`ok`, or why live numbers cannot be read."""
    metrics: str
    """`ok`, or why metrics cannot be read from ClickHouse."""


class Health(Ready):
    """Details for people; always 200."""

    version: str
    """Of this program."""
    listeners: int
    """Clients of the live streams."""
    ingestion: str
    """`ok`, or why no event can be posted now."""
    head: Head | None
    """What the shards say; null while Redis is away."""


class Alive(_Model):
    """The process answers."""

    live: bool
    """Always true."""
