"""Every command of docs/API.md runs as it stands, and what it gives is what the document says of its address."""

import asyncio
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # it ships no types
import pytest
import requests
from pydantic import SecretStr

from api.app import create
from api.exports.maker import Maker
from metadata import migrate
from metadata.keys import Scope
from metadata.leases import Leases
from metadata.schedule.jobs import LEASE
from metadata.session import connect
from streams.cli.topics import create as create_topics
from streams.settings import Settings
from tests.support.live import served
from tests.support.metadata import fresh_database
from tests.support.metric_world import World
from tests.support.posting import new_key
from tests.support.snippets import addressed, run
from tests.support.waiting import until

DOCUMENT = (Path(__file__).parents[2] / "docs/API.md").read_text()
COMMANDS = addressed(DOCUMENT)
ORDER = ("POST", "/v1/exports")
ELSEWHERE = ("GET", "/v1/metrics/routes/recommended")
"""Run where there are people with habits: tests/api/metrics/test_recommended.py."""


@pytest.fixture
def place(metric_world: World, stack_settings: Settings, tmp_path: Path) -> Iterator[tuple[str, str, Settings]]:
    """Address of a web process that takes events and orders, a key that may do all, and the settings."""
    with fresh_database(stack_settings) as url:
        own = {"database_url": SecretStr(url), "kafka_group": "examples", "export_dir": str(tmp_path / "exports")}
        settings = metric_world.settings.model_copy(update=own)
        migrate.run(settings)
        key = asyncio.run(_prepared(settings))
        with served(settings) as (at, app):
            until("the app to take events", lambda: not app.state.ingestion.problem)
            yield at, key, settings


async def _prepared(settings: Settings) -> str:
    """Topics, and tables as if a scheduler ran; a key that may do all."""
    await create_topics(settings)
    engine = connect(settings)
    await Leases(engine, settings).take(LEASE, "a scheduler", 600)
    await engine.dispose()
    return await new_key(settings, [*Scope])


async def made(settings: Settings) -> None:
    """Make what was ordered, as the scheduler's job does."""
    engine = connect(settings)
    await Maker(settings, engine).run()
    await engine.dispose()


def check(document: Mapping[str, Any], method: str, path: str, text: str) -> None:
    """Fail unless an answer is as the OpenAPI document says."""
    answers = document["paths"][path][method.lower()]["responses"]
    content = (answers.get("200") or answers["202"]).get("content", {})
    if "text/csv" in content or "application/json" not in content:
        assert text or "text/csv" in content  # a file was written
        return
    schema = content["application/json"]["schema"] | {"components": document["components"]}
    jsonschema.validate(json.loads(text), schema)


def test_every_address_has_one_command() -> None:
    document = create(Settings.model_construct()).openapi()
    told = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}

    assert COMMANDS.keys() == told
    assert {name: found for name, found in COMMANDS.items() if len(found) != 1} == {}


async def test_every_command_runs_as_it_stands(place: tuple[str, str, Settings], tmp_path: Path) -> None:
    url, key, settings = place
    document = (await asyncio.to_thread(requests.get, f"{url}/openapi.json", timeout=30)).json()

    async def runs(method: str, path: str, **variables: str) -> str:
        (command,) = COMMANDS[method, path]
        text = await run(url, key, "sh", "-ec", f"cd {tmp_path}\n{command}", **variables)
        check(document, method, path, text)
        return text

    number = str(json.loads(await runs(*ORDER))["id"])
    await made(settings)
    # What was ordered is removed in the end.
    for method, path in sorted(COMMANDS.keys() - {ORDER, ELSEWHERE}, key=lambda name: name[0] == "DELETE"):
        await runs(method, path, NUMBER=number)
    files = await asyncio.to_thread(sizes, tmp_path)
    assert len(files) == 12
    assert all(files.values()), files


def sizes(folder: Path) -> Mapping[str, int]:
    """Bytes of each file."""
    return {path.name: path.stat().st_size for path in folder.iterdir() if path.is_file()}
