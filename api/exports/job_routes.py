"""Addresses of exports that are made as jobs."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Request
from fastapi import Path as PathParameter
from fastapi.responses import Response

from api.exports.jobs import ExportJobs
from api.exports.models import JOB, ORDER, ExportJob, ExportOrder
from api.exports.models import ExportJobs as Listed
from api.exports.routes import FILE
from api.ingest.schema import SECURITY, ProblemDetails
from api.metrics import models

PATH: Final = "/v1/exports"
Number = Annotated[str, PathParameter(description="Number of the export, as its order was answered.", examples=["7"])]
_HOW: Final = "docs/exports.md says more"
_REFUSED: Final[dict[int | str, dict[str, Any]]] = {
    code: told for code, told in models.ANSWERS.items() if code in (401, 403, 429, 503)
}
_SECURED: Final[dict[str, Any]] = {"security": SECURITY}
_NONE: Final = {"model": ProblemDetails, "description": "This key has ordered no such export."}
_ONE: Final[dict[int | str, dict[str, Any]]] = {200: models.told(ExportJob, JOB, "The export."), **_REFUSED, 404: _NONE}


def routes(jobs: ExportJobs) -> APIRouter:
    """The router of these addresses."""
    router = APIRouter(tags=["exports"])
    _add_all(router, jobs)
    _add_one(router, jobs)
    return router


def _add_all(router: APIRouter, jobs: ExportJobs) -> None:
    """Ordering, and what was ordered."""

    @router.post(
        PATH,
        status_code=202,
        description="Have a large export made: one that `/v1/export/` is too small for, with the same words as JSON, "
        "or the answer to a question that costs more than `/v1/analytics/` allows. "
        f"The scheduler makes it; `Location` says where to look. {_HOW}; the key needs the scopes of it.",
        responses={
            202: models.told(ExportJob, JOB, "It will be made."),
            400: models.ANSWERS[400],
            **_REFUSED,
            413: {"model": ProblemDetails, "description": "The order is longer than 64 KiB."},
        },
        openapi_extra={"requestBody": _body(), **_SECURED},
    )
    async def order_export(request: Request) -> Response:
        return await jobs.order(request)

    @router.get(
        PATH,
        description=f"What the key has ordered, the newest first. {_HOW}.",
        responses={200: models.told(Listed, {"exports": [JOB]}, "The exports."), **_REFUSED},
        openapi_extra=_SECURED,
    )
    async def list_exports(request: Request) -> Response:
        return await jobs.list(request)


def _add_one(router: APIRouter, jobs: ExportJobs) -> None:
    """One of them: how far it is, its file, its end."""

    @router.get(
        f"{PATH}/{{number}}",
        description=f"How far an export is. {_HOW}.",
        responses=_ONE,
        openapi_extra=_SECURED,
    )
    async def show_export(request: Request, number: Number) -> Response:
        return await jobs.show(number, request)

    @router.delete(
        f"{PATH}/{{number}}",
        description="Cancel an export: one that is not done is not made, the file of one that is done is removed. "
        f"{_HOW}.",
        responses=_ONE,
        openapi_extra=_SECURED,
    )
    async def cancel_export(request: Request, number: Number) -> Response:
        return await jobs.cancel(number, request)

    @router.get(
        f"{PATH}/{{number}}/file",
        description=f"The file of an export that is done, whole or, with `Range`, a part of it. {_HOW}.",
        responses={
            200: FILE,
            206: {"description": "The part that `Range` asks for."},
            **_REFUSED,
            404: _NONE,
            409: {"model": ProblemDetails, "description": "It is not done yet, has failed, or was cancelled."},
            410: {"model": ProblemDetails, "description": "The file has expired."},
            416: {"model": ProblemDetails, "description": "`Range` asks for bytes that there are not, or for none."},
        },
        openapi_extra=_SECURED,
    )
    async def export_file(request: Request, number: Number) -> Response:
        return await jobs.file(number, request)


def _body() -> dict[str, Any]:
    schema = ExportOrder.model_json_schema(by_alias=True)
    return {"required": True, "content": {"application/json": {"schema": schema, "example": ORDER}}}
