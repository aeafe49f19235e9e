"""The live addresses over real HTTP: numbers of both domains, errors with a way out, the documents."""

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from api import models
from api.app import create
from api.ingest.schema import ProblemDetails
from api.reference import routes
from streams.settings import Settings
from tables.declared import declared
from tests.support.live import Published, cut_off, rides, served, ticketing, whole
from tests.support.waiting import eventually

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
async def http(published: Published, redis_url: str) -> AsyncIterator[aiohttp.ClientSession]:
    """A client of the web process."""
    settings = Settings(redis_url=redis_url, kafka_group=published.group)
    with served(settings) as (url, _):
        async with aiohttp.ClientSession(url) as session:
            yield session


async def get(http: aiohttp.ClientSession, path: str, status: int = 200) -> Any:
    """The JSON of an answer."""
    async with http.get(path) as answer:
        assert answer.status == status, await answer.text()
        return await answer.json()


async def test_the_last_hour_of_both_domains(published: Published, http: aiohttp.ClientSession) -> None:
    now = time.time()
    events = [*rides(150, now, minutes=50), *ticketing(150, now, minutes=50)]
    for shard in (0, 1):
        published.events(shard, events[shard::2])
        published.status(shard, lag=3, freshness_p95=0.4, dead={"invalid": 2})
    found = await get(http, "/v1/metrics/realtime")
    models.Realtime.model_validate(found)
    assert found["complete"]
    assert 1 <= found["lateness_seconds"] <= 30  # two seconds, and what the test has taken meanwhile
    assert [shard["lag"] for shard in found["shards"]] == [3, 3]
    of_rides = found["domains"]["rides"]
    assert of_rides["bookings"]["created"] == 150
    expected = whole(declared.slices["rides.payments"], events, 3600)["revenue"]["USD"]
    assert of_rides["payments"]["revenue"] == {"USD": f"{expected}"}
    assert of_rides["active"]["drivers"] == len(
        {event["driver_id"] for event in events if "user_id" in event and "driver_id" in event}
    )
    of_ticketing = found["domains"]["ticketing"]
    assert set(of_ticketing["dashboard"]["revenue"]) == {"EUR", "GBP", "USD"}
    assert of_ticketing["funnel"]["page"] == 150
    assert of_ticketing["pages"]["pages"][0].keys() == {"value", "count"}
    models.Dashboard.model_validate(page := await get(http, "/v1/live/dashboard"))
    assert page["domains"] == found["domains"]
    assert sum(page["minutes"]["windows"]["rides.bookings"]["created"]) == 150
    assert sum(cell["bookings"] for cell in page["cells"]) > 0


async def test_windows_are_listed_and_answered(published: Published, http: aiohttp.ClientSession) -> None:
    listed = await get(http, "/v1/live/windows")
    models.Windows.model_validate(listed)
    by_name = {window["name"]: window for window in listed["windows"]}
    assert by_name.keys() == declared.windows.keys()
    assert by_name["rides.trips.by_zone.5m"]["key"] == ["pickup_zone"]
    now = time.time()
    published.events(0, rides(40, now, minutes=0))
    published.status(0)
    address = "/v1/live/windows/rides.payments.by_zone.5m"
    found = await get(http, f"{address}?by=revenue.USD&limit=1")
    models.WindowAnswer.model_validate(found)
    (row,) = found["rows"]
    assert (found["complete"], found["stale_shards"]) == (False, [1])
    zone = row["key"]["pickup_zone"]
    (same,) = (await get(http, f"{address}?where=pickup_zone:{zone}"))["rows"]
    assert same == row
    ranged = await get(http, f"{address}?from={row['start']}&to={row['end']}")
    assert row in ranged["rows"]
    assert len((await get(http, "/v1/live/windows/rides.trips.1h?last=3"))["rows"]) == 3


async def test_sessions_are_told_over_all_shards(published: Published, http: aiohttp.ClientSession) -> None:
    now = time.time()
    for shard, gaps in enumerate(((0, 60, 90), (600,))):
        events = [
            {"event_type": "page.viewed", "at": now - 2400 + ago, "session_id": f"visit-{shard}", "url": "/"}
            for ago in gaps
        ]
        published.events(shard, events)
        published.status(shard, sessions={"ticketing.sessions": 3 + shard})
    found = await get(http, "/v1/live/windows/ticketing.sessions")
    models.WindowAnswer.model_validate(found)
    assert found["active_sessions"] == {"ticketing.sessions": 7}
    assert [shard["active_sessions"]["ticketing.sessions"] for shard in found["shards"]] == [3, 4]
    (row,) = found["rows"]
    assert row["values"].pop("duration_s") == {"p50": 0, "p90": pytest.approx(90, rel=0.02)}
    assert row["values"] == {
        "ended": 2,
        "duration_mean_s": pytest.approx(45, abs=0.001),
        "events_mean": 2,
        "page_views_mean": 2,
        "bounced": 1,
        "bought": 0,
    }
    (listed,) = [each for each in (await get(http, "/v1/live/windows"))["windows"] if each["session"]]
    assert (listed["name"], listed["session"]["gap_seconds"]) == ("ticketing.sessions", 1800)
    assert listed["session"]["key"] == ["session_id", "user_id"]


async def test_of_a_hundred_thousand_cells_the_dashboard_tells_the_busiest(
    published: Published, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.render.MOST_CELLS", 2)
    now = time.time()
    booked = [{"event_type": "booking.created", "at": now, "pickup_cell": cell} for cell in (1, 2, 2, 3)]
    free = [
        {"event_type": "driver.location.updated", "at": now, "position_cell": cell, "driver_id": "one"}
        for cell in (3, 4)
    ]
    published.events(0, [*booked, *free])
    published.status(0)
    assert (await get(http, "/v1/live/dashboard"))["cells"] == [
        {"cell": "2", "bookings": 2, "drivers": 0},
        {"cell": "3", "bookings": 1, "drivers": 1},
    ]


@pytest.mark.parametrize(
    ("path", "status", "code", "says"),
    [
        ("/v1/live/windows/rides.bookngs.1m", 404, "unknown_window", "rides.bookings.1m"),
        ("/v1/live/windows/rides.trips.1m?last=0", 400, "bad_parameter", "last"),
        ("/v1/live/windows/rides.trips.1m?from=yesterday", 400, "bad_time", "2026-01-31T12:00:00Z"),
        ("/v1/live/windows/rides.trips.1m?from=2026-01-31T12:00:00", 400, "bad_time", "zone"),
        ("/v1/live/windows/rides.trips.1m?where=zone", 400, "bad_filter", "column:value"),
        ("/v1/live/windows/rides.trips.1m?by=fares", 400, "unknown_measure", "fares.USD"),
        ("/v1/live/stream?topic=nothing", 404, "unknown_window", "/v1/live/windows"),
        ("/v1/geo/cells?cell=8", 400, "bad_cell", "hexadecimal"),
        ("/v1/nothing", 404, "not_found", "openapi"),
    ],
)
async def test_errors_say_what_to_do(http: aiohttp.ClientSession, path: str, status: int, code: str, says: str) -> None:
    found = await get(http, path, status)
    ProblemDetails.model_validate(found)
    assert found["code"] == code
    assert says in str(found)


async def test_redis_away_is_503_and_heals(published: Published, redis_url: str) -> None:
    published.status(0)
    with cut_off(redis_url) as (behind, way):
        settings = Settings(redis_url=behind, kafka_group=published.group, kafka_partitions=1)
        with served(settings) as (url, _):
            async with aiohttp.ClientSession(url) as http:
                assert (await get(http, "/v1/metrics/realtime"))["complete"]
                assert (await get(http, "/ready"))["ready"]
                way.refuse()

                async def status() -> int:
                    async with http.get("/v1/metrics/realtime") as answer:
                        assert answer.status == 200 or answer.headers["Retry-After"] == "1"
                        return answer.status

                async def is_away() -> bool:
                    return await status() == 503

                async def is_back() -> bool:
                    return await status() == 200

                await eventually("the outage to be told", is_away)
                way.accept()
                await eventually("the API to heal", is_back)
                assert (await get(http, "/health"))["head"]["shards"]


async def test_without_redis_only_live_says_yes() -> None:
    with served(Settings(redis_url="redis://127.0.0.1:1/0")) as (url, _):
        async with aiohttp.ClientSession(url) as http:
            assert await get(http, "/live") == {"live": True}
            models.Ready.model_validate(ready := await get(http, "/ready", 503))
            assert "REDIS_URL" in ready["redis"]
            assert "DATABASE_URL" in ready["metrics"]
            health = await get(http, "/health")
            models.Health.model_validate(health)
            assert (health["ready"], health["head"]) == (False, None)
            ProblemDetails.model_validate(error := await get(http, "/v1/live/windows/rides.trips.1m", 503))
            assert error["retry_after_seconds"] == 1


async def test_cells_are_outlined(http: aiohttp.ClientSession) -> None:
    async with http.get("/v1/geo/cells?cell=882a100d29fffff") as answer:
        assert "immutable" in answer.headers["Cache-Control"]
        found = await answer.json()
    models.Cells.model_validate(found)
    corners = found["cells"]["882a100d29fffff"]
    assert len(corners) == 6
    assert all(40 < latitude < 41 and -75 < longitude < -73 for latitude, longitude in corners)


async def test_pages_load_nothing_from_elsewhere(http: aiohttp.ClientSession) -> None:
    async with http.get("/") as answer:
        assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
        assert "<title>Millrace" in await answer.text()


def test_every_route_is_documented() -> None:
    text = (ROOT / "docs/API.md").read_text()
    paths = {route.path for route in routes(create(Settings())) if getattr(route, "endpoint", None) is not None}
    paths -= {"/", "/explore", "/openapi.json", "/static"}
    assert len(paths) >= 10
    assert [path for path in paths if f" {path}\n" not in text] == []


def test_every_parameter_and_field_is_explained() -> None:
    schema = create(Settings()).openapi()
    for path, methods in schema["paths"].items():
        for operation in methods.values():
            assert operation["description"], path
            named = [each for each in operation.get("parameters", []) if each["in"] == "query"]
            assert all(each["description"] for each in named), path
    for name, model in schema["components"]["schemas"].items():
        if "ValidationError" not in name:
            silent = [field for field, content in model["properties"].items() if not content.get("description")]
            assert not silent, f"{name}: {silent}"
