"""The one source of live numbers: every address and every stream sends the very bytes that are made here."""

from collections.abc import Awaitable

import msgspec
import structlog

from api import errors, problems, render
from api.feed import Message
from api.problems import Problem
from streams.errors import LiveUnavailable, QueryRefused
from tables.live import Live
from tables.query import Query, find

log = structlog.get_logger(__name__)


class Numbers:
    """Answers as JSON. Raises QueryRefused, and LiveUnavailable while Redis is away."""

    def __init__(self, live: Live) -> None:
        self.live = live
        self.declared = live.declared
        self._away = False

    async def realtime(self) -> bytes:
        """The last hour of each domain."""
        view = await self.live.read(*render.realtime_queries(self.declared))
        return msgspec.json.encode(render.realtime(self.declared, view))

    async def dashboard(self) -> bytes:
        """All that the dashboard shows."""
        view = await self.live.read(*render.dashboard_queries(self.declared))
        return msgspec.json.encode(render.dashboard(self.declared, view))

    async def window(self, query: Query) -> bytes:
        """The rows of one window."""
        window, _ = find(self.declared, query.window)
        return msgspec.json.encode(render.window_answer(window, await self.live.read(query)))

    async def message(self, topic: str, answer: Awaitable[bytes]) -> Message:
        """An answer as a stream sends it; what goes wrong becomes a message, so that the stream lives on."""
        try:
            content = await answer
        except LiveUnavailable as error:
            if not self._away:
                log.warning("live windows cannot be read", error=str(error))
            self._away = True
            return "problem", problems.content(errors.problem_of(error))
        except QueryRefused as error:
            return "problem", problems.content(errors.problem_of(error))
        except Exception:
            log.exception("a live answer cannot be made", topic=topic)
            detail = "The numbers cannot be made. The server's log says why."
            return "problem", problems.content(Problem(500, "internal", "An internal error", detail, value=topic))
        self._away = False
        return topic, content
