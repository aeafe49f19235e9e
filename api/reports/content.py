"""What a report shows, as its configuration says: checked when it is set, turned into questions when it is made."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from clickhouse.metrics import catalogue
from clickhouse.metrics.question import Question, ask
from metadata.schedule.cron import Cron
from streams.errors import ConfigurationError
from streams.persons import PERSON_FIELDS

ROWS: Final = 1000
"""Rows of one section at most: a report is read by people."""
Line = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
"""Text without line breaks: it becomes a header of a mail."""
Address = Annotated[str, Field(max_length=254, pattern=r"^[^\s@<>,;:\"()]+@[^\s@<>,;:\"()]+$")]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True, populate_by_name=True)


class Section(_Model):
    """One metric, or the acts of the audit log."""

    metric: str = ""
    """Name of the metric; words as of `millrace metrics query`."""
    compliance: bool = False
    """Instead of a metric: who exported, erased, replayed and changed what."""
    title: Line | None = None
    """Without it: what the metric says of itself."""
    begin: str = Field("7d", alias="from")
    """Age, day or time."""
    to: str = ""
    """Without it: when it is made."""
    zone: str = ""
    granularity: str = "day"
    by: list[str] = []
    where: list[str] = []
    compare: bool = False
    """Show the period before beside it."""
    chart: Literal["line", "bar", "none"] = "line"

    @model_validator(mode="after")
    def _one_of_two(self) -> "Section":
        if bool(self.metric) == self.compliance:
            raise ValueError("give `metric`, or `compliance = true`")
        return self


class Delivery(_Model):
    """Where a report goes, beside the folder of all reports."""

    mail: list[Address] = []
    """Addresses that it is mailed to, by SMTP_URL."""
    webhook: bool = False
    """Whether it is posted to REPORT_WEBHOOK_URL."""


class Config(_Model):
    """A report, as its file says."""

    title: Line
    sections: list[Section] = Field(min_length=1, max_length=50)
    format: Literal["html", "pdf"] = "html"
    """Of its file; both show the same."""
    delivery: Delivery = Delivery()
    cron: str = ""
    """When it is made; empty: when somebody asks."""
    zone: str = "UTC"
    """IANA zone on whose clock the cron expression is meant."""


def read(words: Mapping[str, Any], now: datetime) -> Config:
    """A configuration, once everything in it is known to work. Raises ConfigurationError, QueryRefused."""
    try:
        found = Config.model_validate(words)
    except ValidationError as error:
        wrong = [f"{'.'.join(map(str, each['loc'])) or 'the file'}: {each['msg']}" for each in error.errors()]
        raise ConfigurationError("the report does not fit: " + "; ".join(wrong)) from None
    if found.cron:
        Cron(found.cron, found.zone)
    for section in found.sections:
        if section.metric:
            question(section, now)
    return found


def question(section: Section, now: datetime) -> Question:
    """What a section about a metric asks at a moment. Raises QueryRefused, ConfigurationError for ids of people."""
    people = [
        name for name in (*section.by, *(text.partition(":")[0] for text in section.where)) if name in PERSON_FIELDS
    ]
    if people:
        raise ConfigurationError(
            f"a report goes to many, so it cannot be by {people[0]}; `millrace export metrics` writes ids of people"
        )
    return ask(
        catalogue.find(section.metric),
        begin=section.begin,
        end=section.to,
        zone=section.zone,
        granularity=section.granularity,
        by=section.by,
        where=section.where,
        limit=ROWS,
        now=now,
    )


def names(sections: Sequence[Section]) -> list[str]:
    """What the sections are about, for the audit."""
    return [section.metric or "compliance" for section in sections]
