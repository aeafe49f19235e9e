"""Addresses of metrics: one view answers every group of the catalogue."""

from collections.abc import Awaitable, Callable

from fastapi import APIRouter, Request
from fastapi.responses import Response

from api.ingest.schema import SECURITY
from api.metrics import geo, models, parameters
from api.metrics.service import Metrics
from clickhouse.metrics import catalogue
from clickhouse.metrics.question import USUAL_ROWS

PATHS = "/v1/metrics/"


def routes(metrics: Metrics) -> APIRouter:
    """The router of these addresses."""
    router = APIRouter(tags=["metrics"])
    for group in catalogue.GROUPS:
        router.add_api_route(
            f"{PATHS}{group}",
            _view(metrics, group),
            name=f"metrics_{group}",
            description=_description(group),
            responses=models.ANSWERS,
            openapi_extra={"security": SECURITY},
        )
    router.add_api_route(
        f"{PATHS}{geo.GROUP}",
        _geo(metrics),
        name="metrics_geo",
        description="Metrics by place: where rides begin, where visitors of ticketing are. "
        "docs/asking-for-metrics.md says how places are told apart; the key needs `metrics:read`.",
        responses=models.ANSWERS | {200: models.told(models.GeoAnswer, models.GEO_EXAMPLE)},
        openapi_extra={"security": SECURITY},
    )
    return router


def _view(metrics: Metrics, group: str) -> Callable[..., Awaitable[Response]]:
    async def view(
        request: Request,
        metric: parameters.Metrics = None,
        begin: parameters.From = "",
        to: parameters.To = "",
        granularity: parameters.Length = "total",
        zone: parameters.Zone = "",
        by: parameters.By = None,
        where: parameters.Where = None,
        compare: parameters.Compare = "",
        exact: parameters.Exact = "false",
        limit: parameters.Limit = f"{USUAL_ROWS}",
        cursor: parameters.Cursor = "",
    ) -> Response:
        # The parameters are documents; what was sent is read strictly, so that unknown ones are refused.
        return await metrics.answer(group, request)

    return view


def _geo(metrics: Metrics) -> Callable[..., Awaitable[Response]]:
    async def view(
        request: Request,
        level: geo.Place = "city",
        domain: geo.Whose = "rides",
        metric: parameters.Metrics = None,
        begin: parameters.From = "",
        to: parameters.To = "",
        granularity: parameters.Length = "total",
        zone: parameters.Zone = "",
        by: parameters.By = None,
        where: geo.Where = None,
        compare: parameters.Compare = "",
        exact: parameters.Exact = "false",
        limit: parameters.Limit = f"{USUAL_ROWS}",
        cursor: parameters.Cursor = "",
    ) -> Response:
        return await metrics.geo(request)

    return view


def _description(group: str) -> str:
    own = catalogue.of_group(group)
    names = ", ".join(f"`{metric.short}`" for metric in own)
    domains = " and ".join(dict.fromkeys(metric.domain.name for metric in own))
    return f"Metrics of {domains}: {names}. docs/METRICS_CATALOG.md explains each; the key needs `metrics:read`."
