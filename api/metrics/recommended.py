"""Recommended routes over HTTP: the parameters of the address, and the way of one request."""

from typing import Annotated, Final

from fastapi import Query as Parameter
from fastapi import Request
from fastapi.responses import Response
from starlette.datastructures import QueryParams

from api.ingest import guard
from api.metrics import freshness, parameters
from api.metrics.service import Metrics, send, told
from clickhouse.recommend.routes import MOST_ROWS, USUAL_ROWS, USUAL_SPAN, Question, Who, ask, ask_for
from streams.errors import QueryRefused
from streams.events.domains import RIDES
from streams.settings import Settings

RECOMMENDED: Final = "routes/recommended"
Rider = Annotated[
    str, Parameter(alias="rider", description="user_id of a rider; this or `driver`.", examples=["rider-17"])
]
Driver = Annotated[
    str, Parameter(alias="driver", description="driver_id of a driver; this or `rider`.", examples=["driver-5"])
]
Begin = Annotated[
    str, Parameter(alias="from", description=f"Routes count from then on; as for metrics. Default: {USUAL_SPAN}.")
]
Limit = Annotated[str, Parameter(description=f"Routes at most; {MOST_ROWS} can be asked for.")]


class Recommended:
    """The recommendations of one web process; keys, cache and client are those of the metrics."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._settings = settings
        self._metrics = metrics

    async def answer(self, request: Request) -> Response:
        """Answer a request for routes. Never raises for what a client sends."""
        return await told(RECOMMENDED, self._answer(request))

    async def _answer(self, request: Request) -> Response:
        key = await self._metrics.admit(request)
        guard.allow_reading(key, RIDES.name)
        guard.allow_people(key)
        question = read(request.query_params)
        content = await self._metrics.shared(
            RIDES.name,
            ["recommended", *question.fingerprint],
            freshness.of_people(self._settings),  # the question names one
            lambda: self._metrics.read(lambda client: ask_for(client, question), lambda _: True),
        )
        return send(content, [content | {"cache": None}], request.headers)


def read(given: QueryParams) -> Question:
    """The question of a request. Raises QueryRefused."""
    words = parameters.once(given, (*Who, "from", "to", "zone", "limit"), ())
    people = [who for who in Who if words.get(who)]
    if len(people) != 1:
        raise QueryRefused(
            "Routes are recommended to one person.",
            code="bad_person",
            value=", ".join(people),
            hint="Give `rider` or `driver`, with an id.",
        )
    return ask(
        people[0],
        words[people[0]],
        begin=words.get("from", ""),
        end=words.get("to", ""),
        zone=words.get("zone", ""),
        limit=parameters.whole("limit", words.get("limit", "")) or USUAL_ROWS,
    )
