"""The app of the web process without sockets, over a seeded world, and the requests that OpenAPI tells of."""

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import quote

import pytest
import requests
from fastapi import FastAPI
from pydantic import SecretStr
from schemathesis.python import asgi
from starlette.types import ASGIApp

from api.app import create
from api.ingest.schema import ProblemDetails
from api.problems import MEDIA_TYPE
from clickhouse.metrics import catalogue
from metadata import keys, migrate
from metadata.leases import Leases
from metadata.schedule.jobs import LEASE
from metadata.session import connect
from streams.cli.topics import create as create_topics
from streams.settings import Settings
from tests.support.metadata import fresh_database
from tests.support.metric_world import World
from tests.support.posting import new_key
from tests.support.waiting import until

OFTEN: Final = 1_000_000
"""Requests and events a second that a key may send: as many as a test likes."""
ENDLESS: Final = "/v1/live/stream"
"""Events without end, so it is looked at until the first."""


USUAL: Final[Mapping[str, Mapping[str, str]]] = {
    f"/v1/export/metrics/{group}": {"metric": catalogue.of_group(group)[0].name} for group in catalogue.GROUPS
} | {"/v1/metrics/routes/recommended": {"rider": "rider-17"}}
"""What is asked of addresses that refuse a question without a word more than the document demands."""


@dataclass(frozen=True)
class Told:
    """One operation of the document."""

    method: str
    path: str
    about: Mapping[str, Any]

    @property
    def name(self) -> str:
        """As people say it."""
        return f"{self.method} {self.path}"

    def parameters(self, *places: str) -> Sequence[Mapping[str, Any]]:
        """Those in the query or in the path."""
        return [each for each in self.about.get("parameters", ()) if each["in"] in places]

    @property
    def example(self) -> tuple[str, Any]:
        """Media type and content of the body of the document's example; empty where nothing is posted."""
        for kind, content in self.about.get("requestBody", {}).get("content", {}).items():
            if "example" in content:
                return kind, content["example"]
        return "", None


@dataclass
class Fuzzed:
    """The app, and a client with a key that may do everything."""

    settings: Settings
    app: FastAPI
    http: asgi.ASGIClient
    key: str
    world: World

    @property
    def told(self) -> list[Told]:
        """All that the document tells of."""
        paths = self.app.openapi()["paths"].items()
        return [Told(method.upper(), path, about) for path, all_ in paths for method, about in all_.items()]

    def send(
        self,
        told: Told,
        key: str | None = None,
        words: Mapping[str, Any] = MappingProxyType({}),
        body: bytes | None = None,
    ) -> requests.Response:
        """The answer to an example of an operation, with these parameters or this body in place of the document's."""
        path = told.path
        for each in told.parameters("path"):
            value = words.get(each["name"], example_of(each))
            path = path.replace(f"{{{each['name']}}}", quote(str(value), safe=""))
        asked = {each["name"]: example_of(each) for each in told.parameters("query") if each["required"]}
        asked |= USUAL.get(told.path, {})
        asked |= {name: value for name, value in words.items() if f"{{{name}}}" not in told.path}
        kind, example = told.example
        text = self.key if key is None else key
        headers = {"Authorization": f"Bearer {text}"} if text else {}
        headers |= {"Content-Type": kind} if kind else {}
        sent = json.dumps(example).encode() if kind and body is None else body
        return self.http.request(told.method, path, params=asked, data=sent, headers=headers, allow_redirects=False)


def example_of(parameter: Mapping[str, Any]) -> Any:
    """A value that fits, as the document gives it."""
    examples = parameter["schema"].get("examples")
    assert examples or not parameter["required"], f"{parameter['name']} is required and has no example"
    return examples[0] if examples else parameter["schema"].get("default")


def check_problem(status: int, kind: str, body: bytes) -> None:
    """Fail unless a refusal is a problem document (RFC 9457) that says what to do; `kind`: its media type."""
    if status >= 400:
        assert kind == MEDIA_TYPE, body
        problem = ProblemDetails.model_validate_json(body)
        assert problem.status == status
        assert problem.type == f"urn:millrace:problem:{problem.code}"
        assert problem.title
        assert problem.detail


def check_answer(answer: requests.Response) -> None:
    """The same of an answer."""
    check_problem(answer.status_code, answer.headers.get("Content-Type", ""), answer.content)


@pytest.fixture(scope="session")
def fuzzed(metric_world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fuzzed]:
    """The app over the world, with a broker that takes events and as if a scheduler ran."""
    with fresh_database(metric_world.settings) as url:
        own = {
            "database_url": SecretStr(url),
            "kafka_group": "fuzzed",
            "export_dir": str(tmp_path_factory.mktemp("fuzzed")),
        }
        settings = metric_world.settings.model_copy(update=own)
        migrate.run(settings)
        asyncio.run(create_topics(settings))
        asyncio.run(_as_if_scheduled(settings))
        scopes = [*keys.Scope]
        key = asyncio.run(new_key(settings, scopes, requests_per_second=OFTEN, events_per_second=OFTEN))
        app = create(settings)
        # Schemathesis would end and begin the app with every test.
        with asgi._get_portal().wrap_async_context_manager(app.router.lifespan_context(app)):
            until("the app to take events", lambda: not app.state.ingestion.problem)
            with asgi.get_client(Started(app), max_stream_events=1) as http:
                yield Fuzzed(settings, app, http, key, metric_world)


class Started:
    """An app whose beginning and end are somebody else's matter."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass requests on."""
        if scope["type"] != "lifespan":
            await self._app(scope, receive, send)


async def _as_if_scheduled(settings: Settings) -> None:
    engine = connect(settings)
    await Leases(engine, settings).take(LEASE, "a scheduler", 3600)
    await engine.dispose()
