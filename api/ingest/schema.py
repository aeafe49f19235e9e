"""What OpenAPI says of HTTP ingestion: bodies with examples, answers with their fields."""

from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class Posted(_Model):
    """What became of one posted event."""

    index: int
    """Its place in the request, from 0; blank lines do not count."""
    status: Literal["accepted", "refused", "unknown", "unsent"]
    """accepted: the broker has it on all in-sync replicas. refused: it was not sent; sending it again changes nothing.
    unknown: it may or may not have arrived; send it again with the same id. unsent: it was not sent; send it again."""
    id: str | None = None
    """CloudEvents `id`, as far as it could be read."""
    source: str | None = None
    """CloudEvents `source`, as far as it could be read."""
    type: str | None = None
    """CloudEvents `type`, as far as it could be read."""
    reason: str | None = None
    """Why it is refused, in the words of dead letters: malformed, unknown_type, invalid, in_future, too_old."""
    field: str | None = None
    """The field to look at, such as `data.pickup.latitude`."""
    message: str | None = None
    """What is wrong, with the value where it is short."""


class Outcome(_Model):
    """What became of a request: every event has a verdict."""

    accepted: int
    """Events that the broker has acknowledged."""
    refused: int
    """Events that are none; not sent, and counted in `millrace_ingest_events_total`."""
    unknown: int
    """Events without an acknowledgement, which may have arrived."""
    unsent: int
    """Events that were not sent because the broker was away."""
    items: list[Posted]
    """All events, or with `items=others` those that were not accepted."""
    known_types: list[str] | None = None
    """Every type that is declared, where one of the events has another."""


class ProblemDetails(BaseModel):
    """Why a request was not done (RFC 9457, `application/problem+json`); 422 and 503 have the fields of Outcome too,
    once the events were looked at."""

    model_config = ConfigDict(extra="allow", use_attribute_docstrings=True)

    type: str
    """`urn:millrace:problem:` and the code."""
    title: str
    """What kind of problem it is."""
    status: int
    """The HTTP status."""
    detail: str
    """What is wrong, which value, and what to do."""
    code: str
    """One word for programs, such as `too_fast`."""
    retry_after_seconds: int | None = Field(default=None)
    """When to come again, as `Retry-After` says."""
    limit: int | None = Field(default=None)
    """The limit that was met."""
    value: str | None = Field(default=None)
    """The value that does not fit."""
    hint: str | None = Field(default=None)
    """What to do; `detail` says it too."""
    near: list[str] | None = Field(default=None)
    """Names that were perhaps meant."""
    instance: str | None = Field(default=None)
    """`urn:uuid:` and the name of this one error, which stands in the log too; with status 500."""


EVENT: Final[dict[str, Any]] = {
    "specversion": "1.0",
    "id": "5b1f3c1e-7f5f-4a53-9d4d-2d0f3ab1c9f4",
    "source": "/web/shop",
    "type": "page.viewed",
    "time": "2026-03-01T12:00:00.000Z",
    "data": {"session_id": "visit-1", "url": "https://shop.example/e/winter-jazz"},
}
ACCEPTED: Final = {"index": 0, "status": "accepted", "id": EVENT["id"], "source": "/web/shop", "type": "page.viewed"}
REFUSED: Final = {
    "index": 1,
    "status": "refused",
    "id": "2",
    "source": "/web/shop",
    "type": "page.viewed",
    "reason": "invalid",
    "field": "data.url",
    "message": "Field required",
}
OUTCOME: Final[dict[str, Any]] = {"accepted": 1, "refused": 1, "unknown": 0, "unsent": 0, "items": [ACCEPTED, REFUSED]}


def _problem(text: str, code: str, status: int, title: str, detail: str, **more: Any) -> dict[str, Any]:
    head = {"type": f"urn:millrace:problem:{code}", "title": title, "status": status, "detail": detail, "code": code}
    content = {"application/problem+json": {"example": head | more}}
    return {"model": ProblemDetails, "description": text, "content": content}


ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    202: {
        "model": Outcome,
        "description": "Acknowledged by the broker, but for the events that are refused.",
        "content": {"application/json": {"example": OUTCOME}},
    },
    400: _problem(
        "The body cannot be taken apart: no JSON array, no gzip, no event.",
        *(
            "bad_gzip",
            400,
            "The body is no gzip",
            "Content-Encoding says gzip, but the body is none: it ends too early.",
        ),
    ),
    401: _problem(
        "There is no key, or it is unknown, revoked or expired; `WWW-Authenticate` says which way to show one.",
        *("unauthorized", 401, "The key is refused", "There is no such key. Send another key; ..."),
    ),
    403: _problem(
        "The key has not the scope, or not the domain, of one of the events; nothing was sent.",
        *(
            "forbidden",
            403,
            "The key may not do this",
            "Key 0123456789abcdef may not send events of domain 'rides', ...",
        ),
    ),
    408: {"model": ProblemDetails, "description": "The body did not come within `INGEST_READ_SECONDS`."},
    413: {
        "model": ProblemDetails,
        "description": "More bytes, inflated or not, or more events than allowed.",
    },
    415: {"model": ProblemDetails, "description": "Another media type or encoding than those that are taken."},
    422: {"model": ProblemDetails, "description": "Every event is refused; `items` says why."},
    429: _problem(
        "The key sends too fast; `Retry-After` says when to come again. Nothing was sent.",
        *("too_fast", 429, "Too many events", "Key 0123456789abcdef may send 500 events a second. ..."),
        retry_after_seconds=1,
        limit=500,
    ),
    503: _problem(
        "The broker, or the check of keys, is away, or the process holds all it may; `Retry-After` says when to come "
        "again. Once events were sent, `items` says which are acknowledged and which are in doubt.",
        *(
            "broker_unavailable",
            503,
            "The broker does not acknowledge",
            "1 events are acknowledged, 1 may ...",
        ),
        retry_after_seconds=2,
        **(OUTCOME | {"refused": 0, "unknown": 1, "items": [ACCEPTED, {"index": 1, "status": "unknown", "id": "2"}]}),
    ),
}

_event_schema = {"type": "object", "description": "A CloudEvent; docs/EVENT_SCHEMAS.md lists the types and their data."}
_lines = {"schema": {"type": "string", "description": "One CloudEvent a line."}}
_batch = {"schema": {"type": "array", "items": _event_schema}, "example": [EVENT]}
_one = {"schema": _event_schema, "example": EVENT}
SECURITY: Final[list[dict[str, list[str]]]] = [{"ApiKey": []}]
SCHEMES: Final = {"ApiKey": {"type": "http", "scheme": "bearer", "description": "A key of `millrace keys create`."}}
EVENTS_BODY: Final = {
    "required": True,
    "content": {
        "application/cloudevents+json": _one,
        "application/cloudevents-batch+json": _batch,
        "application/json": _one,
    },
}
BATCH_BODY: Final = {
    "required": True,
    "content": {"application/x-ndjson": _lines, "application/cloudevents-batch+json": _batch},
}
