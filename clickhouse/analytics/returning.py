"""Retention and cohorts as questions, checked before anything is read."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from clickhouse.analytics import calendar, funnel, journey, step
from clickhouse.analytics.calendar import Length
from clickhouse.analytics.journey import Span
from clickhouse.analytics.step import Step
from clickhouse.analytics.words import CohortWords, RetentionWords, ReturnWords
from streams.errors import QueryRefused
from streams.events import registry

MOST_PERIODS: Final = 60
MOST_COHORTS: Final = 400
MOST_ROWS: Final = 10_000
_MILLISECOND: Final = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Returning:
    """People who began something in some time, and the periods after it."""

    span: Span
    """The time of the start."""
    start: Step
    length: Length
    periods: int
    """Periods after that of the start."""
    by: str
    limit: int

    @property
    def until(self) -> datetime:
        """The end of the last period of those who began last, in UTC."""
        last = (self.span.end - _MILLISECOND).astimezone(self.span.zone).date()
        number = calendar.number(last, self.length) + self.periods + 1
        return calendar.start(number, self.length, self.span.zone)


@dataclass(frozen=True, slots=True)
class _OfReturning:
    """What both questions have."""

    asked: Returning

    @property
    def span(self) -> Span:
        """The time of the start."""
        return self.asked.span

    @property
    def until(self) -> datetime:
        """Events are looked for up to then, in UTC."""
        return self.asked.until


@dataclass(frozen=True, slots=True)
class Retention(_OfReturning):
    """Who came back."""

    back: Step
    is_recurring: bool
    """A person belongs to each period with a start, not to that of the first one of all."""
    is_rolling: bool
    """Who came back later counts too."""

    @property
    def dimensions(self) -> frozenset[str]:
        """Names of all dimensions that stand in it."""
        return step.named(self.asked.start, self.back, by=self.asked.by)


@dataclass(frozen=True, slots=True)
class Cohorts(_OfReturning):
    """What they did since."""

    doing: Step
    sum: str
    """Column of the amount; empty for none."""

    @property
    def dimensions(self) -> frozenset[str]:
        """Names of all dimensions that stand in it."""
        return step.named(self.asked.start, self.doing, by=self.asked.by)


def ask_retention(words: RetentionWords, now: datetime | None = None) -> Retention:
    """The question that these words ask. Raises QueryRefused, which says which of them does not fit."""
    asked = _returning(words, now)
    back = funnel.one(asked.span, words.back) if words.back is not None else asked.start
    step.apart([asked.start, back])
    return Retention(asked, back, words.kind == "recurring", words.rolling)


def ask_cohorts(words: CohortWords, now: datetime | None = None) -> Cohorts:
    """The question that these words ask. Raises QueryRefused, which says which of them does not fit."""
    asked = _returning(words, now)
    doing = funnel.one(asked.span, words.doing)
    spec = registry.events[doing.event]
    if words.sum and words.sum not in spec.amounts:
        raise QueryRefused(
            f"{doing.event} has no amount {words.sum[:80]!r}.",
            code="bad_sum",
            value=words.sum[:80],
            hint=f"It has {', '.join(spec.amounts)}." if spec.amounts else "It has none.",
        )
    return Cohorts(asked, doing, words.sum)


def _returning(words: ReturnWords, now: datetime | None) -> Returning:
    span = journey.ask(words.domain, words.of, words.begin, words.to, words.zone, now)
    start = funnel.one(span, words.start)
    found = Returning(
        span,
        start,
        Length(words.granularity),
        journey.whole("periods", words.periods, 1, MOST_PERIODS),
        step.dimension(span, words.by, [start]) if words.by else "",
        journey.whole("limit", words.limit, 1, MOST_ROWS),
    )
    days = [at.astimezone(span.zone).date() for at in (span.begin, span.end - _MILLISECOND)]
    first, last = (calendar.number(day, found.length) for day in days)
    if last - first >= MOST_COHORTS:
        raise QueryRefused(
            f"The time has {last - first + 1:,} periods of a {found.length}.",
            code="too_much",
            value=found.length.value,
            hint=f"Ask for {MOST_COHORTS} at most: a shorter time, or longer periods.",
        )
    return found
