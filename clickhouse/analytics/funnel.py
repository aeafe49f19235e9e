"""A funnel as a question, checked before anything is read, and the path that answers it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property
from typing import Final

from clickhouse.analytics import journey, step
from clickhouse.analytics.journey import Span
from clickhouse.analytics.step import Step
from clickhouse.analytics.words import FunnelWords, StepWords
from streams.errors import QueryRefused

FEWEST_STEPS, MOST_STEPS = 2, 8
MOST_EXCLUDED: Final = 5
MOST_GROUPS: Final = 1_000


class Order(StrEnum):
    """What may lie between steps."""

    ORDERED = "ordered"
    STRICT = "strict"
    ANY = "any"


class Path(StrEnum):
    """How an answer was made; both give the same where the fast one is taken."""

    FAST = "fast"
    """By a function of ClickHouse that is made for it."""
    EXACT = "exact"
    """By passes over each person's events, which know ties, repeated steps, exclusions and times."""


@dataclass(frozen=True)
class Funnel:
    """Steps, and how they follow each other."""

    span: Span
    """The time of the first step."""
    steps: tuple[Step, ...]
    window: int
    """Longest time from the first step to the last, milliseconds."""
    order: Order = Order.ORDERED
    exclude: tuple[Step, ...] = ()
    by: str = ""
    times: bool = False
    exact: bool = False
    limit: int = 100

    @property
    def until(self) -> datetime:
        """Later steps are looked for up to then, in UTC; not part of it."""
        return self.span.end + timedelta(milliseconds=self.window)

    @property
    def dimensions(self) -> frozenset[str]:
        """Names of all dimensions that stand in it."""
        return step.named(*self.steps, *self.exclude, by=self.by)

    @cached_property
    def classes(self) -> tuple[Step, ...]:
        """The steps, each once: an event is of one class at most."""
        return tuple(dict.fromkeys(self.steps))

    @cached_property
    def class_of(self) -> tuple[int, ...]:
        """The class of each step, from 1."""
        return tuple(self.classes.index(each) + 1 for each in self.steps)

    @property
    def path(self) -> Path:
        """The fast path, if it tells all that is asked, and tells it right."""
        plain = self.order is Order.ORDERED and len(self.classes) == len(self.steps) and not self.exclude
        return Path.FAST if plain and not self.times and not self.exact else Path.EXACT


def ask(words: FunnelWords, now: datetime | None = None) -> Funnel:
    """The funnel that these words ask for. Raises QueryRefused, which says which of them does not fit."""
    span = journey.ask(words.domain, words.of, words.begin, words.to, words.zone, now)
    steps = asked(span, words.steps)
    excluded = asked(span, words.exclude)
    journey.whole("steps", len(steps), FEWEST_STEPS, MOST_STEPS)
    journey.whole("exclude", len(excluded), 0, MOST_EXCLUDED)
    step.apart(steps, excluded)
    order = Order(words.order)
    if excluded and order is Order.STRICT:
        raise QueryRefused(
            "A strict funnel lets nothing lie between its steps, so nothing need be excluded.",
            code="bad_exclude",
            value=str(excluded[0]),
            hint="Leave `exclude` away, or ask with order `ordered`.",
        )
    by = step.dimension(span, words.by, steps if order is Order.ANY else steps[:1]) if words.by else ""
    return Funnel(
        span,
        steps,
        journey.duration("window", words.window),
        order,
        excluded,
        by,
        words.times,
        words.exact,
        journey.whole("limit", words.limit, 1, MOST_GROUPS),
    )


def asked(span: Span, words: Sequence[StepWords | str]) -> tuple[Step, ...]:
    """The steps that these words mean. Raises QueryRefused."""
    return tuple(one(span, each) for each in words)


def one(span: Span, words: StepWords | str) -> Step:
    """The step that a word, or an object, means. Raises QueryRefused."""
    if isinstance(words, str):
        return step.ask(span, words, {})
    return step.ask(span, words.event, words.where)
