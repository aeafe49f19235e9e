"""What answers of product analytics look like, for OpenAPI and docs/API.md; a test holds real answers against it."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True, populate_by_name=True)


class JourneyAnswer(_Model):
    """What every answer of product analytics says of itself."""

    domain: str
    """The domain."""
    of: str
    """Whose journeys."""
    begin: datetime = Field(alias="from")
    """Beginning of the time, on the clock of the zone."""
    to: datetime
    """Its end, which is not part of it."""
    zone: str
    """IANA zone of days."""
    path: Literal["fast", "exact"]
    """fast: by windowFunnel of ClickHouse. exact: by each person's events. Both give the same where fast is taken."""
    as_of: datetime | None
    """All that was delivered to ClickHouse until then is in it."""


class Kept(_Model):
    """How an answer came."""

    cache: Literal["hit", "stale", "shared", "miss", "off", "fallback"]
    """As in answers about metrics."""
    age_seconds: float | None = None
    """As in answers about metrics."""


class StepTimes(_Model):
    """How long people took from the first step, seconds; null where nobody came."""

    mean: float | None
    """Mean."""
    p50: float | None
    """Median: of n people in order, that of number n / 2, rounded down, from 0."""
    p90: float | None
    """The same of 0.9 n."""


class FunnelStep(_Model):
    """One step of a funnel."""

    step: int
    """Its number, from 1; in any order, the number of steps done."""
    event: str
    """Its event type; in any order, that of the step of this number."""
    people: int
    """People who came so far."""
    of_first: float | None
    """Share of those at the first step."""
    of_previous: float | None
    """Share of those at the step before."""
    seconds: StepTimes | None
    """With `times`: how long people took, each by the shortest of the ways that they went."""


class FunnelGroup(_Model):
    """A funnel of those with one value."""

    key: dict[str, str]
    """Value of `by`."""
    steps: list[FunnelStep]
    """The steps in order."""


class FunnelAnswer(JourneyAnswer, Kept):
    """How many people went through some steps."""

    window_seconds: float
    """Longest time from the first step to the last."""
    order: Literal["ordered", "strict", "any"]
    """How steps follow each other."""
    by: str | None
    """Dimension that is broken down by."""
    groups: list[FunnelGroup]
    """One funnel; with `by` one a value, those with most people first."""
    has_more: bool
    """Whether there are more values than `limit`."""


class PeopleAnswer(JourneyAnswer):
    """Who is at a step."""

    step: int
    """Number of the step."""
    event: str
    """Its event type."""
    state: Literal["reached", "left"]
    """Whether they came to it, or left there."""
    people: list[str]
    """Ids, in their order."""
    next_after: str | None
    """Send it as `after` for the next ones; null: these were all."""


class RetentionPeriod(_Model):
    """A period after the start."""

    period: int
    """Number of periods after that of the start, which is 0."""
    start: datetime
    """Its beginning, on the clock of the zone."""
    end: datetime
    """Its end."""
    complete: bool
    """Whether all of it lies before `as_of`; else the number may still grow."""
    people: int
    """People who came back."""
    share: float
    """Share of the cohort."""


class CohortHead(_Model):
    """People who started in one period."""

    start: datetime
    """Beginning of the period, on the clock of the zone."""
    end: datetime
    """Its end; a period that the time cuts holds what lies in the time."""
    key: dict[str, str]
    """Value of `by`."""
    people: int
    """People who belong to it."""


class RetentionCohort(CohortHead):
    """People who started in one period, and who of them came back."""

    periods: list[RetentionPeriod]
    """That of the start, and those after it."""


class RetentionAnswer(JourneyAnswer, Kept):
    """Who came back."""

    granularity: Literal["day", "week", "month"]
    """Length of a period."""
    by: str | None
    """Dimension that is broken down by."""
    kind: Literal["first", "recurring"]
    """Whether people belong to the period of their first start, or to each with a start."""
    rolling: bool
    """Whether those who came back later count too."""
    cohorts: list[RetentionCohort]
    """By period, then value; periods in which nobody started are left out."""
    has_more: bool
    """Whether there are more than `limit`."""


class CohortPeriod(RetentionPeriod):
    """A period of a cohort: people who did something in it, and what."""

    events: int
    """Events that they did."""
    sums: dict[str, str]
    """With `sum`: the amounts by currency, as decimals; sums of 0 are left out."""


class Cohort(CohortHead):
    """People who first began in one period, and what they did."""

    periods: list[CohortPeriod]
    """That of the start, and those after it."""


class CohortAnswer(JourneyAnswer, Kept):
    """What people did since they began."""

    granularity: Literal["day", "week", "month"]
    """Length of a period."""
    by: str | None
    """Dimension that is broken down by."""
    sum: str | None
    """Amount that is added up."""
    cohorts: list[Cohort]
    """By period, then value; periods in which nobody began are left out."""
    has_more: bool
    """Whether there are more than `limit`."""


class Path(_Model):
    """A path, and how many went it."""

    events: list[str]
    """Event types in order."""
    people: int
    """People who went it."""
    share: float
    """Share of all who did the anchor."""


class PathAnswer(JourneyAnswer, Kept):
    """What people do after something, or before it."""

    anchor: str
    """What paths begin or end with."""
    direction: Literal["after", "before"]
    """Whether paths begin with it."""
    window_seconds: float
    """Longest time between the anchor and another event."""
    people: int
    """People who did the anchor: each has one path."""
    paths: list[Path]
    """The commonest first."""
    has_more: bool
    """Whether there are more than `limit`."""
