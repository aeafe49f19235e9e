"""Addresses of live windows: lists, answers, the last hour, outlines of cells."""

from typing import Annotated, Any

import h3
import msgspec
from fastapi import APIRouter
from fastapi import Path as PathParameter
from fastapi import Query as Parameter
from fastapi.responses import Response

from api import models, parameters, render
from api.errors import JSON
from api.ingest.schema import ProblemDetails
from api.numbers import Numbers
from streams.errors import QueryRefused

MOST_CELLS = 500
FOREVER = {"Cache-Control": "public, max-age=31536000, immutable"}
ERRORS: dict[int | str, dict[str, Any]] = {
    400: {"model": ProblemDetails, "description": "A parameter does not fit; the text says which, and what would."},
    404: {"model": ProblemDetails, "description": "There is no such window; near names are listed."},
    503: {"model": ProblemDetails, "description": "Redis is away; `Retry-After` says when to try again."},
}


def only(*codes: int) -> dict[int | str, dict[str, Any]]:
    """The errors that an address can answer with."""
    return {code: ERRORS[code] for code in codes}


def routes(numbers: Numbers) -> APIRouter:
    """The router of these addresses."""
    router = APIRouter(prefix="/v1", tags=["live"])

    @router.get("/metrics/realtime", response_model=models.Realtime, responses=only(503))
    async def realtime() -> Response:
        """The last hour of each domain: people, bookings, trips, visits, sales, and revenue by currency."""
        return Response(await numbers.realtime(), media_type=JSON)

    @router.get("/live/dashboard", response_model=models.Dashboard, responses=only(503))
    async def dashboard() -> Response:
        """All that the dashboard shows: the last hour, its minutes, demand by cell."""
        return Response(await numbers.dashboard(), media_type=JSON)

    @router.get("/live/windows", response_model=models.Windows)
    async def windows() -> Response:
        """Every window: its key, size and slide, and what its measures mean."""
        return Response(msgspec.json.encode({"windows": render.windows(numbers.declared)}), media_type=JSON)

    @router.get("/live/windows/{name}", response_model=models.WindowAnswer, responses=only(400, 404, 503))
    async def window(
        name: Annotated[str, PathParameter(description="Name of the window.", examples=["rides.trips.1m"])],
        last: parameters.Last = 1,
        begin: parameters.From = "",
        to: parameters.To = "",
        where: parameters.Where = None,
        by: parameters.By = "",
        limit: parameters.Limit = 0,
    ) -> Response:
        """Rows of one window: the newest, or those of a time range; by key, and in any order; 100,000 at most."""
        query = parameters.query(name, last, begin, to, where, by, limit)
        return Response(await numbers.window(query), media_type=JSON)

    @router.get("/geo/cells", response_model=models.Cells, responses=only(400))
    async def cells(
        cell: Annotated[
            list[str],
            Parameter(
                description="H3 index; repeatable, 500 at most.", max_length=MOST_CELLS, examples=[["882a100d29fffff"]]
            ),
        ],
    ) -> Response:
        """Outlines of H3 cells, for drawing; they never change."""
        return Response(
            msgspec.json.encode({"cells": {each: outline(each) for each in cell}}), headers=FOREVER, media_type=JSON
        )

    return router


def outline(cell: str) -> list[tuple[float, float]]:
    """Corners of a cell, to a metre. Raises QueryRefused."""
    if not h3.is_valid_cell(cell):
        raise QueryRefused(
            f"{cell!r} is no H3 cell.", code="bad_cell", value=cell, hint="Give the cell as 15 hexadecimal digits."
        )
    return [(round(latitude, 5), round(longitude, 5)) for latitude, longitude in h3.cell_to_boundary(cell)]
