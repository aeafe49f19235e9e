"""An error that no view answers: a problem with a name of its own for the client, the error itself for the log."""

import uuid
from typing import Final

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import Problem, respond
from streams import http_metrics

CODE: Final = "unexpected"
TITLE: Final = "The server made an error"
TOLD: Final = "An error that nobody expected; nothing is known of what came of it. `instance` is in the log line too."
"""What the OpenAPI document says of it, at every address."""
_HINT: Final = (
    "Try again; if it stays so, tell whoever runs this server its `instance`, by which the log has the error."
)

log = structlog.get_logger(__name__)


class Unexpected:
    """Stands around every address, posted events included.

    Once a part of the answer is sent it cannot become a problem: the connection is broken off, so that half an answer
    is not taken for a whole one. A WebSocket is closed by the server itself (1011).
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; answer what it raises."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_begun = False

        async def noting(message: Message) -> None:
            nonlocal is_begun
            is_begun = True
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except Exception:
            instance = f"urn:uuid:{uuid.uuid4()}"
            # Without the query: it may name people.
            log.exception("a request ended by an error", instance=instance, method=scope["method"], path=scope["path"])
            http_metrics.UNEXPECTED.inc()
            if is_begun:
                raise
            await respond(_problem(instance))(scope, receive, send)


def _problem(instance: str) -> Problem:
    detail = f"The server met an error that it has no answer for ({instance}). {_HINT}"
    return Problem(500, CODE, TITLE, detail, instance=instance, hint=_HINT)
