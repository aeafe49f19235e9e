"""A web process that takes orders of exports, a key, and makers of what it orders."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine

from api.exports.maker import Maker
from api.exports.models import ExportJob
from metadata.audit import Audit, Wanted
from metadata.keys import Scope
from metadata.leases import Leases
from metadata.schedule.jobs import LEASE
from metadata.session import connect
from streams.settings import Settings
from tests.support.buckets import Bucket
from tests.support.live import served
from tests.support.metric_client import Asked, Asking
from tests.support.metric_world import World
from tests.support.posting import new_key


class Ordering:
    """A web process, a key, and makers of what it orders."""

    def __init__(self, asking: Asking, settings: Settings, engine: AsyncEngine, world: World) -> None:
        self.asking = asking
        self.settings = settings
        self.engine = engine
        self.order_of = {"from": world.begin.isoformat(), "to": world.end.isoformat()}
        self.late = timedelta()

    async def order(self, **words: Any) -> Any:
        """Order; what the answer says."""
        found = await self.asking.post("/v1/exports", self.order_of | words)
        assert found.status == 202, found.content
        ExportJob.model_validate(found.content)
        assert found.headers["Location"] == f"/v1/exports/{found.content['id']}"
        return found.content

    async def state(self, number: int) -> Any:
        """What is said of it now."""
        found = (await self.asking.get(f"/v1/exports/{number}")).content
        ExportJob.model_validate(found)
        return found

    async def make(self, **more: Any) -> str:
        """Be the job."""
        settings = self.settings.model_copy(update=more)
        return await Maker(settings, self.engine, lambda: datetime.now(UTC) + self.late).run()

    async def fetch(self, path: str, part: str = "") -> tuple[int, bytes]:
        """Status and body."""
        headers = {"Authorization": f"Bearer {self.asking.key}"} | ({"Range": part} if part else {})
        async with self.asking.http.get(self.asking.url + path, headers=headers) as answer:
            return answer.status, await answer.read()

    async def delete(self, number: int) -> Asked:
        """Cancel."""
        headers = {"Authorization": f"Bearer {self.asking.key}"}
        async with self.asking.http.delete(f"{self.asking.url}/v1/exports/{number}", headers=headers) as answer:
            return Asked(answer.status, await answer.json(), answer.headers)

    async def outcomes(self) -> list[tuple[str, str]]:
        """Actions and outcomes in the audit log, the oldest first."""
        wanted = Wanted(actor=f"key:{self.asking.key.split('_')[1]}")
        return [(each.action, each.outcome) for each in await Audit(self.engine, self.settings).list(wanted)][::-1]

    @property
    def files(self) -> list[str]:
        """What lies in the folder."""
        return sorted(os.listdir(self.folder)) if self.folder.is_dir() else []

    @property
    def folder(self) -> Path:
        """Where they lie."""
        assert self.settings.export_dir is not None
        return Path(self.settings.export_dir)


@pytest.fixture
async def ordering(metric_world: World, metadata_url: str, tmp_path: Path) -> AsyncIterator[Ordering]:
    """A web process over the world, as if a scheduler ran; files of exports in a folder."""
    async with _ordering(metric_world, metadata_url, str(tmp_path / "exports"), tmp_path) as found:
        yield found


@pytest.fixture
async def ordering_objects(
    metric_world: World, metadata_url: str, bucket: Bucket, tmp_path: Path
) -> AsyncIterator[Ordering]:
    """The same, in an object store."""
    async with _ordering(metric_world, metadata_url, bucket.url, tmp_path) as found:
        yield found


@asynccontextmanager
async def _ordering(world: World, metadata_url: str, place: str, home: Path) -> AsyncIterator[Ordering]:
    own = {"database_url": SecretStr(metadata_url), "export_dir": place, "kafka_group": "exporting"}
    own |= {"millrace_home": home, "kafka_bootstrap_servers": None}
    settings = world.settings.model_copy(update=own)
    key = await new_key(settings, [Scope.METRICS_READ, Scope.ROWS_READ])
    engine = connect(settings)
    await Leases(engine, settings).take(LEASE, "a scheduler", 600)
    with served(settings) as (url, _):
        async with aiohttp.ClientSession() as http:
            yield Ordering(Asking(url, key, http), settings, engine, world)
    await engine.dispose()
