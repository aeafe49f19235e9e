"""How questions are written: as JSON, read strictly, so that a slip of the pen is told."""

from typing import Final, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from streams.errors import QueryRefused
from streams.unknown import nearest

Words = TypeVar("Words", bound=BaseModel)
LONGEST: Final = 65_536
"""Bytes of a question at most."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, use_attribute_docstrings=True)


class StepWords(_Model):
    """A step that events must fit; in short, the event type alone as text."""

    event: str
    """Event type, such as `ticket.purchased`."""
    where: dict[str, list[str]] = Field(default_factory=dict)
    """Dimension: values, one of which the event must have. All dimensions must hold."""


Step = StepWords | str


class SpanWords(_Model):
    """Whose journeys, and in which time they begin."""

    domain: Literal["rides", "ticketing"]
    """The domain; the key must have it."""
    of: str = ""
    """Whose journeys: `person` (the usual; in ticketing the user, else the session), `driver` or `session`."""
    begin: str = Field("", alias="from")
    """Beginning: RFC 3339 with zone, a day of the zone such as 2030-05-01, or an age such as 24h, 30d; without it seven
    whole days and today."""
    to: str = ""
    """End, not part of the time; written like `from`. Without it: now."""
    zone: str = ""
    """IANA zone of days; without it the reporting zone of the domain."""


class FunnelWords(SpanWords):
    """A funnel: how many went through some steps, how far, and how fast."""

    steps: list[Step]
    """2 to 8 steps; a step may be repeated."""
    window: str = "7d"
    """Longest time from the first step to the last, such as 90s, 30m, 12h, 7d; a day has 24 hours."""
    order: Literal["ordered", "strict", "any"] = "ordered"
    """ordered: one after the other, whatever lies between. strict: nothing lies between. any: in any order."""
    exclude: list[Step] = Field(default_factory=list)
    """Events that must not lie between the first step and the one that is reached; 5 at most."""
    by: str = ""
    """Dimension to break down by: its value at the first step."""
    times: bool = False
    """Tell also how long people took to each step."""
    exact: bool = False
    """Take the exact path even where the fast one gives the same."""
    limit: int = 100
    """Values of `by` at most, those with most people first; 1 to 1,000."""


class PeopleWords(FunnelWords):
    """Who is at a step of a funnel."""

    step: int
    """Number of the step, from 1."""
    state: Literal["reached", "left"] = "reached"
    """reached: came to the step. left: came to it, and not to the next one."""
    after: str = Field("", max_length=500, pattern=r"^[^\x00]*$")
    """Ids that come after this one: `next_after` of the page before."""
    limit: int = 1000
    """Ids of a page at most; 1 to 10,000."""


class ReturnWords(SpanWords):
    """People who began something, and what they did later, period by period."""

    start: Step
    """What a person begins with."""
    granularity: Literal["day", "week", "month"] = "day"
    """Length of a period, cut in the zone; weeks begin on Monday."""
    periods: int = 7
    """Periods after the one in which a person began; 1 to 60."""
    by: str = ""
    """Dimension to break down by: its value at the person's first start."""
    limit: int = 1000
    """Groups (period and value) at most; 1 to 10,000."""


class RetentionWords(ReturnWords):
    """Retention: who came back, so many periods after the start."""

    back: Step | None = None
    """What counts as coming back; without it the start."""
    kind: Literal["first", "recurring"] = "first"
    """first: a person belongs to the period of the first start of all. recurring: to each period with a start."""
    rolling: bool = False
    """Count who came back in that period or in a later one."""


class CohortWords(ReturnWords):
    """Cohorts: people by the period in which they first began, and all that they did since."""

    doing: Step
    """What is counted."""
    sum: str = ""
    """Amount to add up, such as `amount`, per currency."""


class PathWords(SpanWords):
    """Paths: what people do after something, or before it."""

    anchor: Step
    """What paths begin with, or end with: a person's first such event in the time."""
    direction: Literal["after", "before"] = "after"
    """after: paths begin with the anchor. before: they end with it."""
    window: str = "1d"
    """Longest time between the anchor and another event of its path."""
    depth: int = 5
    """Events of a path at most, the anchor among them; 2 to 10."""
    repeats: bool = False
    """Keep events of one type that follow each other; otherwise they count as one."""
    leave_out: list[str] = Field(default_factory=list)
    """Event types that are no part of paths; 20 at most."""
    limit: int = 50
    """Paths at most, the commonest first; 1 to 1,000."""


def read(model: type[Words], text: bytes) -> Words:
    """The question that a JSON text holds. Raises QueryRefused, which names the field."""
    if len(text) > LONGEST:
        raise QueryRefused(
            f"The question has {len(text):,} bytes.",
            code="too_long",
            value=f"{len(text)}",
            hint=f"Send {LONGEST:,} at most.",
        )
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        raise _refusal(model, first["loc"], first["msg"], first["input"]) from None


def _refusal(model: type[BaseModel], place: tuple[int | str, ...], message: str, given: object) -> QueryRefused:
    name = ".".join(f"{part}" for part in place if part not in (StepWords.__name__, "str"))
    known = [field.alias or field_name for field_name, field in model.model_fields.items()]
    return QueryRefused(
        f"{name!r} does not fit: {message}." if name else f"The question does not read as JSON: {message}.",
        code="bad_question",
        value=str(given)[:80],
        hint=f"There are {', '.join(known)}; docs/analytics.md says what each means.",
        near=nearest(name, known) if name not in known else (),
    )
