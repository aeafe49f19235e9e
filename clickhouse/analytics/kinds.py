"""The kinds of question: how each is written, checked and answered, for the API and the command line alike."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

from clickhouse_connect.driver.asyncclient import AsyncClient

from clickhouse.analytics import funnel, funnel_answer, paths, returning, returning_answer
from clickhouse.analytics.journey import Span
from clickhouse.analytics.words import CohortWords, FunnelWords, PathWords, RetentionWords, SpanWords
from clickhouse.metrics.route import Limits
from streams.persons import PERSON_FIELDS


class Question(Protocol):
    """What every question has."""

    @property
    def span(self) -> Span:
        """Whose journeys, and when they begin."""

    @property
    def until(self) -> datetime:
        """Events are looked for up to then, in UTC."""

    @property
    def dimensions(self) -> frozenset[str]:
        """Names of all dimensions that stand in it."""


def tells_people(question: Question) -> bool:
    """Whether ids of people stand in a question, and so may in its answer."""
    return not question.dimensions.isdisjoint(PERSON_FIELDS)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of question."""

    name: str
    words: type[SpanWords]
    ask: Callable[[Any], Question]
    """The question that words ask; raises QueryRefused."""
    answer: Callable[[AsyncClient, Any, Limits], Awaitable[dict[str, Any]]]
    """The answer, within what it may cost; raises as `run.rows` does."""
    sentence: str


KINDS: Final = {
    kind.name: kind
    for kind in (
        Kind(
            "funnels",
            FunnelWords,
            funnel.ask,
            funnel_answer.within,
            "How many people went through some steps, how far they came, and how fast.",
        ),
        Kind(
            "retention",
            RetentionWords,
            returning.ask_retention,
            returning_answer.retention,
            "Who came back, so many days, weeks or months after the start.",
        ),
        Kind(
            "cohorts",
            CohortWords,
            returning.ask_cohorts,
            returning_answer.cohorts,
            "What people did since they first began, by the period in which they began.",
        ),
        Kind("paths", PathWords, paths.ask, paths.answer, "What people do after something, or before it."),
    )
}
