"""Recommended routes over real HTTP and on the command line: those of the rides, or a refusal that says why."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from itertools import islice
from pathlib import Path
from urllib.parse import quote
from zoneinfo import ZoneInfo

import aiohttp
import pytest

from api.metrics.board_models import RecommendedAnswer
from clickhouse.client import connect_sync
from clickhouse.recommend.routes import SIDES, Who
from metadata.keys import Scope
from streams.settings import Settings
from tests.support import recommend_oracle as oracle
from tests.support import town
from tests.support.command import millrace
from tests.support.live import served
from tests.support.metric_client import Asking
from tests.support.posting import new_key
from tests.support.snippets import addressed, run
from tests.support.tables import migrated

ROOT = Path(__file__).parents[3]
RIDES = {Who.RIDER: town.town(3, 120, 8, 0.7, quarters=5), Who.DRIVER: town.town(4, 120, 8, 0.5, quarters=4)}
SPAN = f"from={quote(town.BEGIN.isoformat())}&to={quote(town.END.isoformat())}"
WORDS = ("--from", town.BEGIN.isoformat(), "--to", town.END.isoformat())


@pytest.fixture(scope="module")
def town_settings(metric_settings: Settings) -> Iterator[Settings]:
    """Settings of a web process over a town."""
    own = {"clickhouse_database": "test_recommend_api", "kafka_group": "town"}
    settings = migrated(metric_settings.model_copy(update=own), rollups=False)
    client = connect_sync(settings)
    for who, rides in RIDES.items():
        town.load(client, who, rides)
    yield settings
    client.command("DROP DATABASE test_recommend_api SYNC")
    client.close()


@pytest.fixture(scope="module")
def town_place(town_settings: Settings) -> Iterator[tuple[str, str]]:
    """Its address, and a key that may see people."""
    key = asyncio.run(new_key(town_settings, [Scope.METRICS_READ, Scope.PEOPLE_READ]))
    with served(town_settings) as (url, _):
        yield url, key


@pytest.fixture
async def in_town(town_place: tuple[str, str]) -> AsyncIterator[Asking]:
    """A client of it."""
    async with aiohttp.ClientSession() as http:
        yield Asking(*town_place, http)


@pytest.mark.parametrize("who", Who)
async def test_routes_are_those_of_the_rides(who: Who, in_town: Asking) -> None:
    known = oracle.taken(RIDES[who], town.BEGIN, town.END)
    takers = oracle.takers_of(known)
    found_for = (person for person in sorted(known) if oracle.recommended(known, takers, person, 4))
    for person in islice(found_for, 3):
        found = await in_town.metrics("routes/recommended", f"{SPAN}&{who}={person}&limit=4")

        told = RecommendedAnswer.model_validate(found)
        wanted = oracle.recommended(known, takers, person, 4)
        assert [(each.origin, each.destination, each.support, each.people) for each in told.routes] == [
            (*each.route, each.support, each.people) for each in wanted
        ]
        assert [each.score for each in told.routes] == pytest.approx([each.score for each in wanted])
        assert [each.rank for each in told.routes] == [*range(1, len(wanted) + 1)]
        assert (told.who, told.id, told.own_routes) == (who, person, len(known[person]))
        assert told.source == SIDES[who].table


async def test_the_command_of_the_document_runs(in_town: Asking) -> None:
    (command,) = addressed((ROOT / "docs/API.md").read_text())["GET", "/v1/metrics/routes/recommended"]
    # In the town others live, at a time of its own.
    words = {"rider": "person-7", "from": town.BEGIN.isoformat(), "to": town.END.isoformat()}
    told = " ".join(f"--data-urlencode '{name}={value}'" for name, value in words.items())
    assert command.count("-d rider=rider-17") == 1

    found = await run(in_town.url, in_town.key, "sh", "-ec", command.replace("-d rider=rider-17", told))

    assert RecommendedAnswer.model_validate_json(found).id == "person-7"


async def test_too_little_is_no_mistake_of_the_client(in_town: Asking) -> None:
    found = await in_town.get(f"/v1/metrics/routes/recommended?{SPAN}&rider=nobody")

    assert (found.status, found.content["code"]) == (409, "too_little_data")
    assert "0 of the 2 routes" in found.content["detail"]
    assert "popular routes" in found.content["hint"]


async def test_the_command_says_the_same(in_town: Asking, town_settings: Settings) -> None:
    words = ("recommend", "routes", "rider", "person-7", *WORDS)
    told = await millrace(town_settings, *words, "--json")
    table = await millrace(town_settings, *words)
    refused = await millrace(town_settings, "recommend", "routes", "driver", "nobody")
    found = await in_town.metrics("routes/recommended", f"{SPAN}&rider=person-7")

    assert told.json["routes"] == found["routes"]
    assert found["routes"][0]["origin"] in table.out
    assert refused.code == 1
    assert "too little to recommend routes to driver 'nobody'" in refused.err


@pytest.mark.long
async def test_the_command_measures(town_settings: Settings) -> None:
    words = ("recommend", "measure", "rider", *WORDS, "--routes", "5", "--people", "60")
    plain = (await millrace(town_settings, *words, "--json")).json
    table = await millrace(town_settings, *words)
    refused = await millrace(town_settings, *words, "--cut", town.EARLY.isoformat())

    assert (plain["for"], plain["k"], plain["people"]) == ("rider", 5, 60)
    assert plain["cut"] == town.CUT.astimezone(ZoneInfo("America/New_York")).isoformat()
    assert plain["hit_rate"] == round(plain["hits"] / plain["answered"], 4)
    assert f"of {plain['answered']} riders; {60 - plain['answered']} more" in table.err
    assert f"{plain['hit_rate']:.1%}" in table.out
    assert f"{plain['popular_hit_rate']:.1%}" in table.out
    assert refused.code == 1
    assert "20 are needed at least" in refused.err
