"""What can be asked of a metric, checked before anything is read."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import Protocol
from zoneinfo import ZoneInfo

from clickhouse.metrics import periods
from clickhouse.metrics.earlier import before
from clickhouse.metrics.metric import Metric
from clickhouse.metrics.periods import Granularity
from streams.errors import QueryRefused
from streams.events.domains import Domain
from streams.unknown import unknown

MOST_PERIODS = 5_000
"""Periods of one answer at most."""
MOST_ROWS = 10_000
"""Rows of one page at most."""
USUAL_ROWS = 1_000
MOST_OFFSET = 10_000_000
"""Rows before a page at most."""
USUAL_DAYS = 7
"""Whole days that are asked for where no beginning is given."""
MOST_VALUES = 100
"""Values of one filter at most."""
LONGEST_VALUE = 500
"""Characters of one value at most."""
FIRST, LAST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
"""Nothing is asked of times before or after."""
_AGE = re.compile(r"(\d{1,6})([mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}

Where = tuple[tuple[str, tuple[str, ...]], ...]
"""Dimension and values, one of which it must have; a value that ends with `*` is a prefix."""


class Told(Protocol):
    """What is told by dimensions, such as a metric."""

    @property
    def name(self) -> str:
        """What it is called in messages."""

    @property
    def dimensions(self) -> tuple[str, ...]:
        """All that it can be grouped and filtered by."""


@dataclass(frozen=True, slots=True)
class Question:
    """A metric over a range of time, in periods of a zone, by some dimensions."""

    metric: Metric
    begin: datetime
    """In UTC."""
    end: datetime
    """In UTC; not part of the range."""
    zone: ZoneInfo
    granularity: Granularity = Granularity.TOTAL
    by: tuple[str, ...] = ()
    where: Where = ()
    exact: bool = False
    """Ask the rows where the aggregate would only be near."""
    limit: int = USUAL_ROWS
    offset: int = 0

    @property
    def keys(self) -> tuple[str, ...]:
        """The dimensions of a row: money always has its currency."""
        own = ("currency",) if self.metric.is_money and "currency" not in self.by else ()
        return (*self.by, *own)

    @property
    def wanted(self) -> tuple[str, ...]:
        """Every dimension that a source must know."""
        return tuple(dict.fromkeys((*self.keys, *(name for name, _ in self.where))))

    def starts(self) -> list[datetime]:
        """Beginnings of its periods."""
        return list(periods.starts(self.begin, self.end, self.granularity, self.zone))

    def previous(self) -> "Question":
        """The same question about the range that it is compared with."""
        begin, end = before(self.begin, self.end, self.zone, self.granularity)
        return replace(self, begin=begin, end=end, offset=0)


def ask(
    metric: Metric,
    *,
    begin: str = "",
    end: str = "",
    zone: str = "",
    granularity: str = Granularity.TOTAL,
    by: Sequence[str] = (),
    where: Sequence[str] = (),
    exact: bool = False,
    limit: int = USUAL_ROWS,
    offset: int = 0,
    now: datetime | None = None,
) -> Question:
    """The question that these words ask. Raises QueryRefused, which says which of them does not fit, and what would.

    Times are RFC 3339, a day of the zone such as 2026-01-31, or an age such as 90m, 24h, 7d, which counts from the last
    quarter of an hour. Without them: the last seven whole days and today. `where`: `dimension:value`, again for more
    values or dimensions.
    """
    question = Question(
        metric,
        *span(metric.domain, begin, end, zone, now),
        _granularity(granularity),
        tuple(_dimension(metric, name) for name in dict.fromkeys(by)),
        filters(metric, where),
        exact,
        number("limit", limit, 1, MOST_ROWS),
        number("offset", offset, 0, MOST_OFFSET),
    )
    _check(question)
    return question


def span(
    domain: Domain, begin: str, end: str, zone: str, now: datetime | None = None
) -> tuple[datetime, datetime, ZoneInfo]:
    """Beginning and end in UTC, and the zone, that these words mean, as `ask` takes them. Raises QueryRefused."""
    now = _quarter(now or datetime.now(UTC))
    found_zone = periods.zone_of(zone or domain.reporting_zone)
    last = moment("to", end, found_zone, now) if end else now + timedelta(seconds=periods.QUARTER_SECONDS)
    first = moment("from", begin, found_zone, now) if begin else _usual(last, found_zone)
    if last <= first:
        raise QueryRefused(
            "The range ends before it begins.",
            code="bad_range",
            value=f"{first.isoformat()}..{last.isoformat()}",
            hint="Give a `to` after `from`.",
        )
    return first, last, found_zone


def _quarter(now: datetime) -> datetime:
    """The last quarter of an hour: what is asked now and a minute later is the same question, cut as buckets are."""
    return now - timedelta(seconds=now.timestamp() % periods.QUARTER_SECONDS)


def moment(name: str, text: str, zone: ZoneInfo, now: datetime) -> datetime:
    """A time in UTC. Raises QueryRefused."""
    text = text.strip()
    try:
        if age := _AGE.fullmatch(text):
            found = now - timedelta(**{_UNITS[age[2]]: int(age[1])})
        elif re.fullmatch(r"\d{4}-\d\d-\d\d", text):
            found = periods.midnight(date.fromisoformat(text), zone)
        else:
            found = datetime.fromisoformat(text.replace(" ", "+"))  # a plus sign in an address means a space
            if found.tzinfo is None:
                raise ValueError("it has no zone")
        found = found.astimezone(UTC)
        if not FIRST <= found <= LAST:
            raise ValueError(f"it lies outside {FIRST:%Y} to {LAST:%Y}")
        return found.replace(microsecond=found.microsecond // 1000 * 1000)
    except (ValueError, OverflowError) as error:
        raise QueryRefused(
            f"{name!r} is no time: {error}.",
            code="bad_time",
            value=text[:80],
            hint="Write 2026-01-31T12:00:00Z, a day of the zone such as 2026-01-31, or an age such as 90m, 24h, 7d.",
        ) from None


def _usual(end: datetime, zone: ZoneInfo) -> datetime:
    return periods.midnight(end.astimezone(zone).date() - timedelta(days=USUAL_DAYS), zone)


def _granularity(text: str) -> Granularity:
    try:
        return Granularity(text)
    except ValueError:
        raise unknown("There is no granularity {}.", text, [*Granularity], code="bad_granularity") from None


def _dimension(of: Told, name: str) -> str:
    if name in of.dimensions:
        return name
    raise unknown(f"{of.name} has no dimension {{}}.", name, of.dimensions, code="unknown_dimension")


def filters(of: Told, texts: Sequence[str]) -> Where:
    """The filters that texts such as `dimension:value` mean. Raises QueryRefused."""
    found: dict[str, list[str]] = {}
    for text in texts:
        name, colon, value = text.partition(":")
        if not colon or not name:
            raise QueryRefused(
                f"{text[:80]!r} is no filter.", code="bad_filter", value=text[:80], hint="Write dimension:value."
            )
        if len(value) > LONGEST_VALUE or "\x00" in value or len(found.get(name, ())) >= MOST_VALUES:
            raise QueryRefused(
                f"The filter on {name[:80]!r} is too long, or holds what no value holds.",
                code="bad_filter",
                value=text[:80],
                hint=f"Give {MOST_VALUES} values of {LONGEST_VALUE} characters at most.",
            )
        found.setdefault(_dimension(of, name), []).append(value)
    return tuple((name, tuple(sorted(set(found[name])))) for name in sorted(found))


def number(name: str, value: int, least: int, most: int) -> int:
    """The number, if it lies between the two. Raises QueryRefused."""
    if least <= value <= most:
        return value
    raise QueryRefused(
        f"{name!r} is {value}.", code=f"bad_{name}", value=str(value)[:80], hint=f"Give {least:,} to {most:,}."
    )


def _check(question: Question) -> None:
    days = question.metric.rolling_days
    if days and question.granularity is not Granularity.DAY:
        raise QueryRefused(
            f"{question.metric.name} is told for each day, over the {days} that end with it.",
            code="bad_granularity",
            value=question.granularity,
            hint="Ask with granularity day.",
        )
    beginnings = periods.starts(question.begin, question.end, question.granularity, question.zone)
    if len(list(islice(beginnings, MOST_PERIODS + 1))) > MOST_PERIODS:
        raise QueryRefused(
            f"The range has more than {MOST_PERIODS:,} periods of this length.",
            code="too_much",
            value=question.granularity,
            hint="Ask for longer periods, or for a shorter range.",
        )
