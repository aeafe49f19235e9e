"""A command for every address, as docs/API.md shows it; once its variables are set it runs as it stands."""

import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from api.exports.routes import AT_ONCE
from api.metrics.boards import LEADERBOARD, POPULAR
from api.metrics.geo import GROUP as GEO
from api.metrics.recommended import RECOMMENDED
from api.metrics.routes import PATHS
from clickhouse.metrics import catalogue

Words = Mapping[str, str | Sequence[str]]
PLAIN: Final = re.compile(r"[\w.,:/-]+", re.ASCII)
"""Text that an address takes as it is."""
VARIABLES: Final = {"number": "$NUMBER"}
"""Parameters of paths that only an answer tells, and the shell's variable for each."""
ENDLESS: Final = "text/event-stream"
OPENING: Final = """Every address has a command to copy. `MILLRACE_URL` is where `millrace web` or `make up` says,
  `MILLRACE_KEY` a key of `millrace keys create` with the scopes that the address needs, `NUMBER` that of an export
  that was ordered."""


def _group(group: str) -> Words:
    return {"metric": catalogue.of_group(group)[0].short, "from": "7d", "granularity": "day"}


_RANKED: Final = {"from": "30d", "limit": "10"}
WORDS: Final[Mapping[str, Words]] = {
    **{f"{PATHS}{group}": _group(group) for group in catalogue.GROUPS},
    **{f"{AT_ONCE}metrics/{group}": _group(group) for group in catalogue.GROUPS},
    f"{PATHS}{GEO}": {"level": "city", "metric": ["bookings_created", "net_revenue"], "from": "30d"},
    f"{PATHS}{LEADERBOARD}": {"rank_by": "earnings", "compare": "previous", **_RANKED},
    f"{PATHS}{POPULAR}": {"rank_by": "bookings", **_RANKED},
    f"{PATHS}{RECOMMENDED}": {"rider": "rider-17"},
    f"{AT_ONCE}tables/{{table}}": {"column": ["occurred_at", "event_type"], "from": "24h"},
    "/v1/live/windows/{name}": {"last": "5"},
    "/v1/live/stream": {"topic": "realtime"},
}
"""What is asked for at an address, beside what it demands."""


def command(method: str, path: str, operation: Mapping[str, Any]) -> str:
    """The command for an operation of the OpenAPI document."""
    words, (kind, body) = [*_words(path, operation)], _posted(operation)
    place, is_endless = _place(path, operation), _is_endless(operation)
    options = f"-fsS{'G' if words and body is None else ''}{'N' if is_endless else ''}"
    head = [f"curl {options}", *([f"-X {method}"] if method not in ("GET", "POST") else []), f'"$MILLRACE_URL{place}"']
    if operation.get("security"):
        head.append('-H "Authorization: Bearer $MILLRACE_KEY"')
    if body is not None:
        head.append(f'-H "Content-Type: {kind}"')
    posts = "" if body is None else f"-d {shlex.quote(json.dumps(body))}"
    asks = " ".join(_word(name, value) for name, value in words)
    goes = f"-o {name}" if (name := _file(operation, place)) else "| head -n 3" if is_endless else ""
    return " \\\n  ".join(line for line in (" ".join(head), posts, asks, goes) if line)


def _posted(operation: Mapping[str, Any]) -> tuple[str, Any]:
    """Media type and content of the document's example of a body; None where nothing is posted."""
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        if "example" in content:
            return kind, content["example"]
    return "", None


def _words(path: str, operation: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    demanded: Words = {
        each["name"]: each["schema"]["examples"][0]
        for each in operation.get("parameters", ())
        if each["in"] == "query" and each["required"]
    }
    for name, value in {**demanded, **WORDS.get(path, {})}.items():
        for each in [value] if isinstance(value, str) else value:
            yield name, each


def _word(name: str, value: str) -> str:
    return f"-d {name}={value}" if PLAIN.fullmatch(value) else f"--data-urlencode {shlex.quote(f'{name}={value}')}"


def _place(path: str, operation: Mapping[str, Any]) -> str:
    """The path with a value for each of its parameters."""
    for each in operation.get("parameters", ()):
        if each["in"] == "path":
            name = each["name"]
            value = VARIABLES.get(name) or quote(str(each["schema"]["examples"][0]), safe="")
            path = path.replace(f"{{{name}}}", value)
    return path


def _is_endless(operation: Mapping[str, Any]) -> bool:
    return ENDLESS in operation["responses"].get("200", {}).get("content", {})


def _file(operation: Mapping[str, Any], place: str) -> str:
    """A name for the answer, where it is a file; empty where it is none."""
    if "text/csv" not in operation["responses"].get("200", {}).get("content", {}):
        return ""
    name = place.rpartition("/")[2]
    return "made" if name == "file" else f"{name}.csv"
