"""Addresses of exports."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final

from fastapi import APIRouter, Request
from fastapi import Path as PathParameter
from fastapi import Query as Parameter
from fastapi.responses import Response

from api.exports.service import Exports
from api.ingest.schema import SECURITY, ProblemDetails
from api.metrics import models, parameters
from clickhouse.export.table import PERSONAL, TABLES
from clickhouse.export.writers import KINDS, Format
from clickhouse.metrics import catalogue

PATHS: Final = "/v1/export"
"""What all addresses of exports begin with."""
AT_ONCE: Final = f"{PATHS}/"
_HOW: Final = "docs/exports.md says more"

Table = Annotated[str, PathParameter(description=f"One of {', '.join(TABLES)}.", examples=[*TABLES])]
Wanted = Annotated[
    str, Parameter(alias="format", description=f"Format of the file: {', '.join(Format)}.", examples=[*Format])
]
Columns = Annotated[
    list[str] | None,
    Parameter(
        alias="column",
        description="Column of the table; repeatable, in this order. Without it: all that the key may see. "
        f"{', '.join(PERSONAL)} need the scope `people:read`.",
    ),
]
_TOO_LARGE: Final = {
    "model": ProblemDetails,
    "description": "More rows or bytes than `EXPORT_ROWS` and `EXPORT_BYTES` allow; have it made as a job.",
}
FILE: Final[dict[str, Any]] = {
    "description": "The file.",
    "content": {kind.media_type.partition(";")[0]: {} for kind in KINDS.values()},
}
ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    200: FILE,
    **{code: told for code, told in models.ANSWERS.items() if code in (400, 401, 403)},
    413: _TOO_LARGE,
    429: models.ANSWERS[429],
    503: models.ANSWERS[503]
    | {
        "description": "ClickHouse or the check of keys is away, the act cannot be recorded in the audit log, or as "
        "many exports as may be are under way; `Retry-After` says when to come again."
    },
}


def routes(exports: Exports) -> APIRouter:
    """The router of these addresses."""
    router = APIRouter(tags=["exports"], default_response_class=Response)

    @router.get(
        f"{AT_ONCE}tables/{{table}}",
        description="Rows of a table, one an event, as a file: those that happened in a range of time, some columns or "
        f"all. {_HOW}; the key needs `rows:read` and the domain.",
        responses=ANSWERS,
        openapi_extra={"security": SECURITY},
    )
    async def export_table(
        request: Request,
        table: Table,
        form: Wanted = "csv",
        column: Columns = None,
        begin: parameters.From = "",
        to: parameters.To = "",
        zone: parameters.Zone = "",
    ) -> Response:
        # The parameters are documents; what was sent is read strictly, so that unknown ones are refused.
        return await exports.table(table, request)

    for group in catalogue.GROUPS:
        router.add_api_route(
            f"{AT_ONCE}metrics/{group}",
            _view(exports, group),
            name=f"export_{group}",
            description=f"All answers that `/v1/metrics/{group}` gives, page after page, as a file. {_HOW}; the key "
            "needs `metrics:read`.",
            responses=ANSWERS,
            openapi_extra={"security": SECURITY},
        )
    return router


def _view(exports: Exports, group: str) -> Callable[..., Awaitable[Response]]:
    async def view(
        request: Request,
        form: Wanted = "csv",
        metric: parameters.Metrics = None,
        begin: parameters.From = "",
        to: parameters.To = "",
        granularity: parameters.Length = "total",
        zone: parameters.Zone = "",
        by: parameters.By = None,
        where: parameters.Where = None,
        compare: parameters.Compare = "",
        exact: parameters.Exact = "false",
    ) -> Response:
        return await exports.metrics(group, request)

    return view
