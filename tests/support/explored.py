"""A small world that the explorer looks at, with an event whose text looks like markup, and a web process over it."""

import asyncio
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from pydantic import SecretStr

from clickhouse.client import connect_sync
from metadata import migrate
from metadata.keys import Scope
from streams.events import registry
from streams.events.sample import sample
from streams.settings import Settings
from tests.support.live import served
from tests.support.metadata import fresh_database
from tests.support.metric_world import World, build
from tests.support.posting import new_key
from tests.support.rows import bodies, decoded, insert, intent
from tests.support.tables import migrated

EVENTS = 2_000
MARKUP = "<img src=x onerror=\"document.body.dataset.markup='ran'\"><b>city</b>"
"""A city, as an event may say it."""


@dataclass
class Explored:
    """A web process over the world."""

    url: str
    key: str
    """A key that may ask for its metrics."""
    world: World

    def address(self, view: str = "", **words: str | list[str]) -> str:
        """Address of the explorer with a question about all of the world's time."""
        span = {"from": self.world.begin.isoformat(), "to": self.world.end.isoformat()}
        given = ({"view": view} if view else {}) | span | words
        return f"{self.url}/explore?{urlencode(given, doseq=True)}"


@pytest.fixture(scope="session")
def explored(stack_settings: Settings) -> Iterator[Explored]:
    """The world, its database and its web process."""
    with fresh_database(stack_settings) as url:
        own = {"clickhouse_database": "test_explorer", "database_url": SecretStr(url), "kafka_group": "explorer"}
        settings = migrated(stack_settings.model_copy(update=own | {"kafka_bootstrap_servers": None}))
        migrate.run(settings)
        world = build(settings, EVENTS)
        client = connect_sync(settings)
        event = sample(registry.events["page.viewed"], random.Random(3), world.begin + timedelta(hours=20))
        event["data"]["city"] = MARKUP
        for table, block in bodies(decoded([event]), intent(), first=EVENTS).items():
            insert(client, settings, table, block, f"{table}/markup")
        key = asyncio.run(new_key(settings, [Scope.METRICS_READ]))
        with served(settings) as (at, _):
            yield Explored(at, key, world)
        client.command("DROP DATABASE test_explorer SYNC")
        client.close()
