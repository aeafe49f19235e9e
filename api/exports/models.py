"""What ordered exports look like, for OpenAPI and docs/API.md; a test holds real answers against it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True, populate_by_name=True)


class ExportOrder(_Model):
    """What shall be exported: `table`, `metrics` or `analytics`, and what belongs to it, repeatable words as lists."""

    table: str | None = None
    """A table, with `column` and `zone`."""
    metrics: str | None = None
    """A group of metrics, with `metric`, `granularity`, `zone`, `by`, `where`, `compare` and `exact`."""
    analytics: Literal["funnels", "retention", "cohorts", "paths"] | None = None
    """A kind of question of product analytics, with `question`, which has its own times."""
    question: dict[str, Any] | None = None
    """The question, as `/v1/analytics/` takes it."""
    format: Literal["csv", "xlsx", "json", "ndjson", "parquet"] = "csv"
    """Format of the file."""
    begin: str = Field("", alias="from")
    """As the parameter `from`."""
    to: str = ""
    """As the parameter `to`."""


class ExportJob(_Model):
    """An export that was ordered."""

    id: int
    """Its number."""
    state: Literal["waiting", "running", "done", "failed", "cancelled", "expired"]
    """waiting: for its turn, or its next attempt. done: the file can be fetched. expired: it is gone."""
    asked: dict[str, Any]
    """What was ordered, its period as times."""
    progress: float
    """Share of the rows that is written; 0 while nobody knows how many there will be."""
    rows: int | None
    """Rows written so far."""
    rows_expected: int | None
    """Rows that there will be, where that can be counted: of tables."""
    bytes: int | None
    """Bytes written so far."""
    attempt: int
    """Attempts begun so far; three are made."""
    error: str | None
    """Why it failed, or what its last attempt met."""
    created_at: datetime
    """When it was ordered."""
    started_at: datetime | None
    """When its last attempt began."""
    ended_at: datetime | None
    """When it was done, failed or cancelled."""
    expires_at: datetime | None
    """When the file is removed."""
    file: str | None
    """Address of the file."""


class ExportJobs(_Model):
    """What a key has ordered."""

    exports: Sequence[ExportJob]
    """The newest hundred, the newest first."""


ORDER: Final[dict[str, Any]] = {
    "table": "booking_events",
    "from": "2030-05-01",
    "to": "2030-06-01",
    "format": "parquet",
}
JOB: Final[dict[str, Any]] = {
    "id": 7,
    "state": "running",
    "asked": {
        "table": "booking_events",
        "column": ["occurred_at", "amount"],
        "from": "2030-05-01T04:00:00+00:00",
        "to": "2030-06-01T04:00:00+00:00",
        "format": "parquet",
    },
    "progress": 0.4,
    "rows": 400000,
    "rows_expected": 1000000,
    "bytes": 9000000,
    "attempt": 1,
    "error": None,
    "created_at": "2030-06-02T10:00:00.123456+00:00",
    "started_at": "2030-06-02T10:00:01.123456+00:00",
    "ended_at": None,
    "expires_at": None,
    "file": None,
}
