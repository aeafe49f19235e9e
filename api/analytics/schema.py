"""What OpenAPI says of product analytics: questions with examples, answers with their fields."""

from typing import Any, Final

from fastapi import FastAPI
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from api.analytics.models import CohortAnswer, FunnelAnswer, PathAnswer, PeopleAnswer, RetentionAnswer
from api.ingest.schema import SECURITY, ProblemDetails
from api.metrics import models as metrics
from clickhouse.analytics.kinds import KINDS
from clickhouse.analytics.words import PeopleWords

_PLACE: Final = "#/components/schemas/{model}"
_STEPS: Final = [
    "event.viewed",
    "checkout.started",
    {"event": "ticket.purchased", "where": {"payment_method": ["card"]}},
]
MODELS: Final[dict[str, type[BaseModel]]] = {
    "funnels": FunnelAnswer,
    "people": PeopleAnswer,
    "retention": RetentionAnswer,
    "cohorts": CohortAnswer,
    "paths": PathAnswer,
}
"""The answer at each address."""
EXAMPLES: Final[dict[str, dict[str, Any]]] = {
    "funnels": {"domain": "ticketing", "from": "30d", "steps": _STEPS, "window": "7d", "by": "device_type"},
    "people": {"domain": "ticketing", "from": "30d", "steps": _STEPS, "step": 2, "state": "left"},
    "retention": {"domain": "ticketing", "from": "8w", "start": "event.viewed", "granularity": "week", "periods": 4},
    "cohorts": {
        "domain": "rides",
        "from": "26w",
        "zone": "America/New_York",
        "start": "user.registered",
        "doing": "trip.completed",
        "granularity": "month",
        "periods": 3,
        "sum": "fare",
    },
    "paths": {"domain": "ticketing", "from": "7d", "anchor": "event.searched", "window": "30m", "depth": 4},
}
"""A question for each address."""


def answers(model: type[BaseModel]) -> dict[int | str, dict[str, Any]]:
    """The answers of an address: problems are as in metrics."""
    refused = {
        "model": ProblemDetails,
        "description": "The question does not fit, or costs too much; the text says which word, and what would do.",
    }
    long = {"model": ProblemDetails, "description": "The question is longer than 64 KiB."}
    others = {status: told for status, told in metrics.ANSWERS.items() if status not in (200, 304, 400)}
    told = {200: {"model": model, "description": "The answer."}, 400: refused, 413: long, **others}
    return {status: told[status] for status in sorted(told, key=int)}


def body(model: type[BaseModel], example: dict[str, Any]) -> dict[str, Any]:
    """How a question is posted."""
    content = {"schema": {"$ref": _PLACE.format(model=model.__name__)}, "example": example}
    return {"requestBody": {"required": True, "content": {"application/json": content}}, "security": SECURITY}


def document(app: FastAPI) -> None:
    """Let OpenAPI say what can be asked."""
    plain = app.openapi
    asked: list[type[BaseModel]] = [*(kind.words for kind in KINDS.values()), PeopleWords]

    def openapi() -> dict[str, Any]:
        found = plain()
        _, schema = models_json_schema([(model, "validation") for model in asked], ref_template=_PLACE)
        found["components"]["schemas"] |= schema["$defs"]
        return found

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's own way to extend it
