"""Refusals as problem details (RFC 9457): what, which value, what to do, for people and programs."""

import math
from collections.abc import Mapping
from typing import Any

import msgspec
from fastapi import FastAPI, Request
from fastapi.responses import Response

from streams.errors import QueryRefused

MEDIA_TYPE = "application/problem+json"


class Problem(Exception):
    """A request that is not done; becomes its answer."""

    def __init__(
        self,
        status: int,
        code: str,
        title: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        **members: Any,
    ) -> None:
        """`code`: one word for programs. `title`: the same for every problem of this code. `members`: more of it."""
        super().__init__(detail)
        self.status = status
        self.code = code
        self.title = title
        self.headers = dict(headers or {})
        self.members = members


def later(status: int, code: str, title: str, detail: str, seconds: float = 1.0, **members: Any) -> Problem:
    """A problem that goes away by itself: 429 or 503, and when to come again."""
    wait = max(1, math.ceil(seconds))
    return Problem(status, code, title, detail, headers={"Retry-After": str(wait)}, retry_after_seconds=wait, **members)


def refused(error: QueryRefused, status: int = 400) -> Problem:
    """What was asked wrong, as a problem: which value, what would do, what was perhaps meant."""
    near: dict[str, Any] = {"near": [*error.near]} if error.near else {}
    title = error.code.replace("_", " ").capitalize()
    return Problem(status, error.code, title, f"{error} {error.hint}", value=error.value, hint=error.hint, **near)


def content(problem: Problem) -> bytes:
    """The JSON of a problem."""
    head = {
        "type": f"urn:millrace:problem:{problem.code}",
        "title": problem.title,
        "status": problem.status,
        "detail": str(problem),
        "code": problem.code,
    }
    return msgspec.json.encode(head | problem.members)


def respond(problem: Problem) -> Response:
    """The answer."""
    return Response(content(problem), problem.status, media_type=MEDIA_TYPE, headers=problem.headers)


def register(app: FastAPI) -> None:
    """Let every Problem be answered in this form."""

    @app.exception_handler(Problem)
    async def answer(_: Request, problem: Problem) -> Response:
        return respond(problem)
