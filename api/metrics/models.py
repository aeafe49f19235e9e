"""What answers about metrics look like, for OpenAPI and docs/API.md; a test holds real answers against it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.ingest.schema import ProblemDetails


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True, populate_by_name=True)


class Range(_Model):
    """A stretch of time: from `from` up to, but without, `to`."""

    begin: datetime = Field(alias="from")
    """Beginning, on the clock of the zone."""
    to: datetime
    """End, on the clock of the zone."""


class MetricRow(_Model):
    """One value of a metric."""

    start: datetime
    """Beginning of its period, on the clock of the zone."""
    end: datetime
    """End of its period, which is not part of it; a period that the range cuts holds what lies in the range."""
    key: dict[str, str]
    """Value of each dimension in `by`."""
    value: int | float | str | None
    """The value; money is text with decimals. Null: a ratio of nothing."""
    numerator: int | float | str | None = None
    """Of a ratio or a mean: what is divided."""
    denominator: int | float | None = None
    """Of a ratio or a mean: by what. Numerators and denominators can be added up, ratios cannot."""
    previous: int | float | str | None = None
    """With `compare=previous`: the value of the same period and key in the range before."""


class MetricAnswer(_Model):
    """The answer about one metric."""

    metric: str
    """Domain and name; docs/METRICS_CATALOG.md explains it."""
    unit: Literal["count", "ratio", "money", "seconds", "kilometres", "stars", "each"]
    """What `value` counts in; money has a key `currency`."""
    by: list[str]
    """Dimensions of each row's key."""
    exact: bool
    """Whether the value is exact; else distinct counts are within 2 %, percentiles within 0.8 %."""
    source: str
    """Table that it was read from."""
    as_of: datetime | None
    """All that was delivered to ClickHouse until then is in it."""
    compared_with: Range | None
    """With `compare=previous`: the range before."""
    rows: Sequence[MetricRow]
    """Values: periods in their order, the largest values of each first."""
    next_cursor: str | None
    """Send it as `cursor` for the rows beyond `limit`; null: these were all."""
    cache: Literal["hit", "stale", "shared", "miss", "off", "fallback"]
    """hit: kept. stale: kept, and made anew at this moment. shared: another request was asking the same. miss: read
    now. off: read now, since Redis is away or keeping is switched off. fallback: old, since ClickHouse is away."""
    age_seconds: float | None = None
    """Of a fallback alone: how long ago it was read."""


class MetricsAnswer(Range):
    """Metrics of one group over one range."""

    group: str
    """The group, as in the address."""
    zone: str
    """IANA zone in which periods are cut."""
    granularity: str
    """Length of the periods."""
    metrics: Sequence[MetricAnswer]
    """One answer a metric."""


class GeoRow(MetricRow):
    """One value of a metric at a place."""

    key: dict[str, str]
    """The place by the levels that name it, and the other dimensions; empty: the events do not say."""
    latitude: float | None = None
    """Of a cell: its middle, degrees."""
    longitude: float | None = None
    """Of a cell: its middle, degrees."""


class GeoMetric(MetricAnswer):
    """The answer about one metric by place."""

    rows: Sequence[GeoRow]
    """Values: periods in their order, the largest values of each first."""


class GeoAnswer(MetricsAnswer):
    """Metrics of one domain by place."""

    domain: str
    """The domain."""
    level: Literal["country", "state", "city", "zone", "cell"]
    """How finely places are told apart."""
    metrics: Sequence[GeoMetric]
    """One answer a metric."""


EXAMPLE: Final[dict[str, Any]] = {
    "group": "payments",
    "from": "2030-05-01T00:00:00-04:00",
    "to": "2030-05-02T00:00:00-04:00",
    "zone": "America/New_York",
    "granularity": "day",
    "metrics": [
        {
            "metric": "rides.net_revenue",
            "unit": "money",
            "by": ["currency"],
            "exact": True,
            "source": "hourly_payments",
            "as_of": "2030-05-02T10:00:00.123Z",
            "compared_with": {"from": "2030-04-30T00:00:00-04:00", "to": "2030-05-01T00:00:00-04:00"},
            "rows": [
                {
                    "start": "2030-05-01T00:00:00-04:00",
                    "end": "2030-05-02T00:00:00-04:00",
                    "key": {"currency": "USD"},
                    "value": "12345.6700",
                    "previous": "11000.0000",
                }
            ],
            "next_cursor": "WzEwMDAsInJpZGVzLm5ldF9yZXZlbnVlIiwyODg0NTZd",
            "cache": "hit",
        }
    ],
}


GEO_EXAMPLE: Final[dict[str, Any]] = {
    "group": "geo",
    "from": "2030-05-01T00:00:00-04:00",
    "to": "2030-05-02T00:00:00-04:00",
    "zone": "America/New_York",
    "granularity": "total",
    "domain": "rides",
    "level": "city",
    "metrics": [
        {
            "metric": "rides.bookings_created",
            "unit": "count",
            "by": ["country", "state", "city"],
            "exact": True,
            "source": "geographic_metrics",
            "as_of": "2030-05-02T10:00:00.123Z",
            "compared_with": {"from": "2030-04-30T00:00:00-04:00", "to": "2030-05-01T00:00:00-04:00"},
            "rows": [
                {
                    "start": "2030-05-01T00:00:00-04:00",
                    "end": "2030-05-02T00:00:00-04:00",
                    "key": {"country": "US", "state": "New York", "city": "New York City"},
                    "value": 4211,
                    "previous": 4302,
                }
            ],
            "next_cursor": "WzEwMDAsInJpZGVzLmJvb2tpbmdzX2NyZWF0ZWQiLDI4ODQ1Nl0=",
            "cache": "miss",
        }
    ],
}


def _problem(text: str, code: str, status: int, title: str, detail: str, **more: Any) -> dict[str, Any]:
    head = {"type": f"urn:millrace:problem:{code}", "title": title, "status": status, "detail": detail, "code": code}
    return {
        "model": ProblemDetails,
        "description": text,
        "content": {"application/problem+json": {"example": head | more}},
    }


def told(model: type[BaseModel], example: Any, text: str = "The numbers.") -> dict[str, Any]:
    """An answer as OpenAPI tells it."""
    return {"model": model, "content": {"application/json": {"example": example}}, "description": text}


TOO_LITTLE: Final = _problem(
    "The rows say too little about the person; the text says what is missing.",
    "too_little_data",
    409,
    "Too little data",
    "There is too little to recommend routes to rider 'rider-17': 1 of the 2 routes that are needed at least are known "
    "of them. Ask over a longer time, or take the popular routes.",
    value="rider-17",
)
ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    200: told(MetricsAnswer, EXAMPLE),
    304: {"description": "Nothing has changed since the answer whose `ETag` was sent as `If-None-Match`."},
    400: _problem(
        "The question does not fit, or would cost too much; the text says which value, and what would do.",
        "unknown_metric",
        400,
        "Unknown metric",
        "No metric is called 'net_revenu'. `millrace metrics list` and docs/METRICS_CATALOG.md list all.",
        value="net_revenu",
        near=["rides.net_revenue"],
    ),
    401: _problem(
        "There is no key, or it is unknown, revoked or expired.",
        "unauthorized",
        401,
        "The key is refused",
        "There is no such key. Send another key; an operator makes one with `millrace keys create NAME`.",
    ),
    403: _problem(
        "The key has not the scope `metrics:read`, or not the domain; for ids of people it needs `people:read` too.",
        "forbidden",
        403,
        "The key may not do this",
        "Key 0123456789abcdef may not read domain 'rides', only ticketing.",
    ),
    429: _problem(
        "The key asks too often; `Retry-After` says when to come again.",
        "too_fast",
        429,
        "Too many questions",
        "Key 0123456789abcdef may ask 200 times a second. Ask again later.",
        limit=200,
    ),
    503: _problem(
        "ClickHouse, or the check of keys, is away; `Retry-After` says when to come again.",
        "store_unavailable",
        503,
        "The store does not answer",
        "The numbers cannot be read now; try again later. The server's log says why.",
    ),
}
