"""Addresses of product analytics: a question is posted as JSON."""

from collections.abc import Awaitable, Callable

from fastapi import APIRouter, Request
from fastapi.responses import Response

from api.analytics import schema
from api.analytics.service import PEOPLE, Analytics
from clickhouse.analytics.kinds import KINDS, Kind
from clickhouse.analytics.words import PeopleWords

PATHS = "/v1/analytics/"
_HOW = "docs/analytics.md says what each word means; the key needs `metrics:read`"


def routes(analytics: Analytics) -> APIRouter:
    """The router of these addresses."""
    router = APIRouter(tags=["analytics"])
    for kind in KINDS.values():
        router.add_api_route(
            f"{PATHS}{kind.name}",
            _view(analytics, kind),
            methods=["POST"],
            name=f"analytics_{kind.name}",
            description=f"{kind.sentence} {_HOW}.",
            responses=schema.answers(schema.MODELS[kind.name]),
            openapi_extra=schema.body(kind.words, schema.EXAMPLES[kind.name]),
        )
    router.add_api_route(
        f"{PATHS}funnels/{PEOPLE}",
        analytics.people,
        methods=["POST"],
        name="analytics_people",
        description=f"Ids of the people at a step of a funnel, page by page. {_HOW} and `people:read`.",
        responses=schema.answers(schema.MODELS[PEOPLE]),
        openapi_extra=schema.body(PeopleWords, schema.EXAMPLES[PEOPLE]),
    )
    return router


def _view(analytics: Analytics, kind: Kind) -> Callable[[Request], Awaitable[Response]]:
    async def view(request: Request) -> Response:
        return await analytics.answer(kind, request)

    return view
