"""Boards over HTTP: the parameters of their addresses, and the way of one request."""

from datetime import UTC, datetime
from typing import Annotated, Final

from fastapi import Query as Parameter
from fastapi import Request
from fastapi.responses import Response
from starlette.datastructures import QueryParams

from api.ingest import guard
from api.metrics import cursor, freshness, parameters
from api.metrics.cache import Content
from api.metrics.freshness import Freshness
from api.metrics.service import Metrics, send, told
from clickhouse.boards import answer
from clickhouse.boards.board import DRIVERS, ROUTES, Board
from clickhouse.boards.question import LEAST_RATINGS, MOST_ROWS, USUAL_ROWS, Question, ask
from streams.settings import Settings

LEADERBOARD: Final = "drivers/leaderboard"
POPULAR: Final = "routes/popular"
BOARDS: Final = {LEADERBOARD: DRIVERS, POPULAR: ROUTES}
"""The board at each address."""
_ONCE: Final = ("rank_by", "from", "to", "zone", "compare", "least_ratings", "limit", "cursor")

DriversBy = Annotated[
    str, Parameter(alias="rank_by", description=f"What drivers are ranked by: {', '.join(DRIVERS.ranks)}.")
]
RoutesBy = Annotated[
    str, Parameter(alias="rank_by", description=f"What routes are ranked by: {', '.join(ROUTES.ranks)}.")
]
Least = Annotated[
    str,
    Parameter(
        alias="least_ratings",
        description=f"By rating: ratings that a driver has at least. Default: {LEAST_RATINGS}.",
    ),
]
Compare = Annotated[str, Parameter(description="`previous`: each rank beside that in the range before.")]
Limit = Annotated[str, Parameter(description=f"Rows of one board at most; {MOST_ROWS:,} can be asked for.")]
Cursor = Annotated[str, Parameter(description="`next_cursor` of the answer before.")]


class Boards:
    """The boards of one web process; keys, cache and client are those of the metrics."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._settings = settings
        self._metrics = metrics

    async def answer(self, address: str, request: Request) -> Response:
        """Answer a request for a board. Never raises for what a client sends."""
        return await told(address, self._answer(BOARDS[address], request))

    async def _answer(self, board: Board, request: Request) -> Response:
        key = await self._metrics.admit(request)
        guard.allow_reading(key, board.domain.name)
        if board.tells_people:
            guard.allow_people(key)
        question, compare = read(board, request.query_params)
        content = await self._metrics.shared(
            board.domain.name,
            ["board", *question.fingerprint, question.offset, compare],
            kept(self._settings, question, datetime.now(UTC)),
            lambda: self._made(question, compare=compare),
        )
        return send(content, [content | {"cache": None}], request.headers)

    async def _made(self, question: Question, *, compare: bool) -> Content:
        content = await self._metrics.read(
            lambda client: answer.ask(client, question, compare=compare), lambda _: question.source.is_rows
        )
        has_more = content.pop("has_more")
        following = cursor.page(question.board.name, question.fingerprint, question.offset + question.limit)
        return content | {"next_cursor": following if has_more else None}


def read(board: Board, given: QueryParams) -> tuple[Question, bool]:
    """The question of a request, and whether it is compared with the range before. Raises QueryRefused."""
    known = [name for name in _ONCE if name != "least_ratings" or "rating" in board.ranks]
    words = parameters.once(given, known, ("where",))
    question = ask(
        board,
        by=words.get("rank_by", ""),
        begin=words.get("from", ""),
        end=words.get("to", ""),
        zone=words.get("zone", ""),
        where=given.getlist("where"),
        least=parameters.whole("least_ratings", words.get("least_ratings", "")),
        limit=parameters.whole("limit", words.get("limit", "")) or USUAL_ROWS,
    )
    if text := words.get("cursor", ""):
        question = question.at(cursor.place(text, board.name, question.fingerprint))
    return question, parameters.choice("compare", words.get("compare", ""), ("previous",)) == "previous"


def kept(settings: Settings, question: Question, now: datetime) -> Freshness:
    """How old an answer may be: by whether it holds ids of people, and whether its period has closed."""
    if question.board.tells_people:
        return freshness.of_people(settings)
    return freshness.closed(settings) if freshness.has_closed(question.end, now) else freshness.running(settings)
