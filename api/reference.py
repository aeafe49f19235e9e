"""Writes docs/API.md from the app itself: every address, its parameters, its answers and their fields."""

from typing import Any

from fastapi.routing import APIWebSocketRoute

from api.app import create
from api.examples import OPENING as COMMANDS
from api.examples import command
from streams.settings import Settings

OPENING = f"""<!-- Written by `make docs` from api/. -->
# API

`millrace web` serves it (Procfile `web:`), the dashboard at `/` and the [explorer](explorer.md) at `/explore`, on
`API_HOST` and `API_PORT`. `/openapi.json` says the same for programs.

- {COMMANDS}
- Times are RFC 3339: live ones in UTC, those about metrics and product analytics in the zone that is asked for. Amounts
  are strings by currency, and are never added across currencies.
- Every live answer says what it knows: `as_of`, the `watermark`, each shard's age, and whether it is `complete`. A
  shard that has fallen silent still counts with what it said last, and is listed in `stale_shards`.
- Numbers are read again when a shard has published, or after half a second; many viewers cost one read.
- Errors are [problem details](#problemdetails) (RFC 9457, `application/problem+json`): what, which value, and what
  to do. How events are posted: [HTTP ingestion](http-ingestion.md); how metrics are asked for:
  [asking for metrics](asking-for-metrics.md); how funnels, retention, cohorts and paths are:
  [product analytics](analytics.md).
"""


def reference() -> str:
    """The text of docs/API.md."""
    app = create(Settings.model_construct())
    schema = app.openapi()
    lines = [OPENING]
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            lines += _operation(method.upper(), path, operation)
    lines += ["## WS /v1/live/ws", "", _flowing(_socket(app)), ""]
    lines += ["# Questions and answers", ""]
    for name, model in schema["components"]["schemas"].items():
        lines += _model(name, model)
    return "\n".join(lines).rstrip() + "\n"


def routes(app: Any) -> list[Any]:
    """Every route, also those of routers that FastAPI keeps whole."""
    found: list[Any] = []
    for route in app.routes:
        inner = getattr(getattr(route, "original_router", None), "routes", None)
        found += inner if inner is not None else [route]
    return found


def _socket(app: Any) -> str:
    (route,) = [route for route in routes(app) if isinstance(route, APIWebSocketRoute)]
    return route.endpoint.__doc__ or ""


def _flowing(text: str) -> str:
    return " ".join(text.split())


def _operation(method: str, path: str, operation: dict[str, Any]) -> list[str]:
    lines = [f"## {method} {path}", "", _flowing(operation["description"]), ""]
    lines += ["```sh", command(method, path, operation), "```", ""]
    parameters = operation.get("parameters", [])
    if parameters:
        lines += ["| parameter | default | meaning |", "|---|---|---|"]
        lines += [_parameter(parameter) for parameter in parameters]
        lines.append("")
    if body := operation.get("requestBody"):
        lines += [f"Body: {', '.join(_body(name, content) for name, content in body['content'].items())}.", ""]
    for code, answer in operation["responses"].items():
        lines.append(f"- {code}: {_answer(answer)}")
    return [*lines, ""]


def _parameter(parameter: dict[str, Any]) -> str:
    default = parameter["schema"].get("default")
    shown = "required" if parameter["required"] else f"`{default}`" if default not in (None, "") else ""
    return f"| `{parameter['name']}` | {shown} | {_flowing(parameter['description'])} |"


def _answer(answer: dict[str, Any]) -> str:
    text = "" if answer["description"] == "Successful Response" else answer["description"]
    for content in answer.get("content", {}).values():
        reference = content.get("schema", {}).get("$ref", "")
        if reference:
            name = reference.rpartition("/")[2]
            return f"[{name}](#{name.lower()}){'. ' + text if text else ''}"
    return text or "Done."


def _body(name: str, content: dict[str, Any]) -> str:
    model = content.get("schema", {}).get("$ref", "").rpartition("/")[2]
    return f"`{name}`" + (f", [{model}](#{model.lower()})" if model else "")


def _model(name: str, model: dict[str, Any]) -> list[str]:
    lines = [f"## {name}", "", _flowing(model.get("description", "")), ""]
    lines += ["| field | type | meaning |", "|---|---|---|"]
    for field, schema in model["properties"].items():
        lines.append(f"| `{field}` | {_type(schema)} | {_flowing(schema.get('description', ''))} |")
    return [*lines, ""]


def _type(schema: dict[str, Any]) -> str:
    if "anyOf" in schema:
        return " or ".join(_type(each) for each in schema["anyOf"])
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'])}" if schema.get("items") else "pair"
    if schema.get("type") == "object":
        inner = schema.get("additionalProperties")
        return f"object of {_type(inner)}" if isinstance(inner, dict) and inner else "object"
    return str(schema.get("format") or schema.get("type") or "any")
