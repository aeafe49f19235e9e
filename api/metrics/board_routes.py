"""Addresses of boards and of recommended routes."""

from collections.abc import Callable
from typing import Any, Final, TypeVar

from fastapi import APIRouter, Request
from fastapi.responses import Response

from api.ingest.schema import SECURITY
from api.metrics import board_models, boards, models, parameters, recommended
from api.metrics.boards import LEADERBOARD, POPULAR, Boards
from api.metrics.recommended import RECOMMENDED, Recommended
from api.metrics.routes import PATHS
from clickhouse.boards.board import DRIVERS, ROUTES, Board
from clickhouse.boards.question import USUAL_ROWS

View = TypeVar("View", bound=Callable[..., Any])
_HOW: Final = "docs/asking-for-metrics.md says more; the key needs `metrics:read`"


def routes(asked: Boards, near: Recommended) -> APIRouter:
    """The router of these addresses."""
    router = APIRouter(tags=["metrics"])

    @_at(router, LEADERBOARD, DRIVERS, models.told(board_models.LeaderboardAnswer, board_models.LEADERBOARD_EXAMPLE))
    async def leaderboard(
        request: Request,
        by: boards.DriversBy = "earnings",
        begin: parameters.From = "",
        to: parameters.To = "",
        zone: parameters.Zone = "",
        where: parameters.Where = None,
        least: boards.Least = "",
        compare: boards.Compare = "",
        limit: boards.Limit = f"{USUAL_ROWS}",
        cursor: boards.Cursor = "",
    ) -> Response:
        return await asked.answer(LEADERBOARD, request)

    @_at(router, POPULAR, ROUTES, models.told(board_models.PopularAnswer, board_models.POPULAR_EXAMPLE))
    async def popular(
        request: Request,
        by: boards.RoutesBy = "bookings",
        begin: parameters.From = "",
        to: parameters.To = "",
        zone: parameters.Zone = "",
        where: parameters.Where = None,
        compare: boards.Compare = "",
        limit: boards.Limit = f"{USUAL_ROWS}",
        cursor: boards.Cursor = "",
    ) -> Response:
        return await asked.answer(POPULAR, request)

    @router.get(
        f"{PATHS}{RECOMMENDED}",
        name="metrics_recommended",
        description="Routes that a rider or a driver has not taken, by those who took the same routes: plain "
        "co-occurrence, whose hit rate `millrace recommend measure` tells. Refused where there is too little to go by. "
        f"{_HOW} and `people:read`.",
        responses=models.ANSWERS
        | {
            200: models.told(board_models.RecommendedAnswer, board_models.RECOMMENDED_EXAMPLE, "The routes."),
            409: models.TOO_LITTLE,
        },
        openapi_extra={"security": SECURITY},
    )
    async def found(
        request: Request,
        rider: recommended.Rider = "",
        driver: recommended.Driver = "",
        begin: recommended.Begin = "",
        to: parameters.To = "",
        zone: parameters.Zone = "",
        limit: recommended.Limit = f"{USUAL_ROWS}",
    ) -> Response:
        return await near.answer(request)

    return router


def _at(router: APIRouter, address: str, board: Board, told: dict[str, Any]) -> Callable[[View], View]:
    """The decorator of a board's view."""
    scopes = " and `people:read`" if board.tells_people else ""
    kept = ", ".join(f"`{name}`" for name in board.dimensions)
    return router.get(
        f"{PATHS}{address}",
        name=f"metrics_{board.name}_board",
        description=f"{board.sentence} `where` takes {kept}. {_HOW}{scopes}.",
        responses=models.ANSWERS | {200: told},
        openapi_extra={"security": SECURITY},
    )
