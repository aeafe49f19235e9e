"""What `/openapi.json` says of every address alike: problems under their own media type, and no answer never given."""

from typing import Any, Final

from fastapi import FastAPI

from api.analytics import schema as analytics
from api.ingest import routes as ingest
from api.ingest.schema import ProblemDetails
from api.problems import MEDIA_TYPE
from api.unexpected import TOLD

_JSON: Final = "application/json"
_PROBLEM: Final = {"$ref": f"#/components/schemas/{ProblemDetails.__name__}"}
_NEVER: Final = ("HTTPValidationError", "ValidationError")
"""FastAPI's own words for a parameter that does not fit; here that is a problem with status 400."""
_UNEXPECTED: Final = {"500": {"description": TOLD, "content": {MEDIA_TYPE: {"schema": _PROBLEM}}}}


def document(app: FastAPI) -> None:
    """Let OpenAPI say it, beside what single parts add."""
    ingest.document(app)
    analytics.document(app)
    plain = app.openapi  # the last, since it looks at all that is said

    def openapi() -> dict[str, Any]:
        found = plain()
        for methods in found["paths"].values():
            for operation in methods.values():
                operation["responses"] = _answers(operation["responses"])
        for name in _NEVER:
            found["components"]["schemas"].pop(name, None)
        return found

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's own way to extend it


def _answers(told: dict[str, Any]) -> dict[str, Any]:
    """Answers in the order of their status; one of FastAPI is left out, one that every address has is added."""
    given = _UNEXPECTED | {status: answer for status, answer in told.items() if _NEVER[0] not in str(answer)}
    return {status: _problem(given[status]) for status in sorted(given)}


def _problem(answer: dict[str, Any]) -> dict[str, Any]:
    """An answer; a problem has the media type that is sent."""
    content = answer.get("content", {})
    if content.get(_JSON, {}).get("schema") != _PROBLEM:
        return answer
    of_problem = {"schema": _PROBLEM} | content.get(MEDIA_TYPE, {})
    return answer | {
        "content": {MEDIA_TYPE: of_problem} | {k: v for k, v in content.items() if k not in (_JSON, MEDIA_TYPE)}
    }
