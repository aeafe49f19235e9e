"""A web process over a seeded world, and a client with a key that may ask for its metrics."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
from pydantic import SecretStr

from metadata import migrate
from metadata.keys import Scope
from streams.settings import Settings
from tests.support.live import served
from tests.support.metadata import fresh_database
from tests.support.metric_world import World
from tests.support.posting import new_key


@dataclass
class Asked:
    """What the web process said."""

    status: int
    content: Any
    headers: Any


@dataclass
class Asking:
    """Asks one web process with one key."""

    url: str
    key: str
    http: aiohttp.ClientSession

    async def get(self, path: str, key: str | None = None, headers: dict[str, str] | None = None) -> Asked:
        """Ask; `key` instead of the usual one, empty for none."""
        text = self.key if key is None else key
        given = {"Authorization": f"Bearer {text}"} if text else {}
        async with self.http.get(self.url + path, headers=given | (headers or {})) as answer:
            body = await answer.read()
            return Asked(answer.status, await answer.json(content_type=None) if body else None, answer.headers)

    async def post(self, path: str, question: Any, key: str | None = None) -> Asked:
        """Post a question as JSON, or bytes as they are."""
        text = self.key if key is None else key
        given = {"Authorization": f"Bearer {text}"} if text else {}
        body = question if isinstance(question, bytes) else json.dumps(question).encode()
        async with self.http.post(self.url + path, data=body, headers=given) as answer:
            return Asked(answer.status, await answer.json(content_type=None), answer.headers)

    async def metrics(self, group: str, words: str = "", *, status: int = 200, key: str | None = None) -> Any:
        """The JSON of an answer about a group."""
        found = await self.get(f"/v1/metrics/{group}?{words}", key)
        assert found.status == status, found.content
        return found.content

    async def counted(self, outcome: str) -> float:
        """Answers of the process that the cache gave in this way."""
        async with self.http.get(self.url + "/metrics") as answer:
            for line in (await answer.text()).splitlines():
                if line.startswith(f'millrace_metric_answers_total{{cache="{outcome}"}}'):
                    return float(line.split()[-1])
        return 0.0


@pytest.fixture(scope="session")
def metric_settings(metric_world: World, stack_settings: Settings) -> Iterator[Settings]:
    """Settings of a web process over the world, with a metadata database of its own."""
    with fresh_database(stack_settings) as url:
        own = {"database_url": SecretStr(url), "kafka_group": "metrics", "kafka_bootstrap_servers": None}
        settings = metric_world.settings.model_copy(update=own)
        migrate.run(settings)
        yield settings


@pytest.fixture(scope="session")
def metric_place(metric_settings: Settings) -> Iterator[tuple[str, str]]:
    """Address of a web process that lives as long as the session, and a key that may ask it."""
    key = asyncio.run(new_key(metric_settings, [Scope.METRICS_READ]))
    with served(metric_settings) as (url, _):
        yield url, key


@pytest.fixture(scope="session")
def people_key(metric_settings: Settings) -> str:
    """A key that may see ids of people too."""
    return asyncio.run(new_key(metric_settings, [Scope.METRICS_READ, Scope.PEOPLE_READ]))


@pytest.fixture
async def asking(metric_place: tuple[str, str]) -> AsyncIterator[Asking]:
    """A client of that process."""
    url, key = metric_place
    async with aiohttp.ClientSession() as http:
        yield Asking(url, key, http)
