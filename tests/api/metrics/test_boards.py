"""Leaderboard and popular routes over real HTTP: numbers, pages, keys, the cache, and what does not fit."""

import secrets
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import pytest
from pydantic import BaseModel

from api.metrics import board_models
from clickhouse.boards.board import DRIVERS, ROUTES
from metadata.keys import Scope
from streams.settings import Settings
from tests.api.metrics.test_metrics import span
from tests.support import board_oracle
from tests.support.metric_client import Asking
from tests.support.metric_world import World
from tests.support.posting import new_key

MODELS: dict[str, type[BaseModel]] = {
    "drivers/leaderboard": board_models.LeaderboardAnswer,
    "routes/popular": board_models.PopularAnswer,
    "routes/recommended": board_models.RecommendedAnswer,
}


@pytest.mark.parametrize("by", DRIVERS.ranks)
async def test_drivers_stand_in_their_order(by: str, asking: Asking, metric_world: World, people_key: str) -> None:
    words = f"{span(metric_world)}&rank_by={by}&limit=20&compare=previous" + "&least_ratings=2" * (by == "rating")
    found = await asking.metrics("drivers/leaderboard", words, key=people_key)

    board_models.LeaderboardAnswer.model_validate(found)
    figures = board_oracle.drivers(metric_world.rows, metric_world.begin, metric_world.end)
    for each in found["boards"]:
        wanted = board_oracle.board(figures, by, 2, each["currency"] or "")
        assert board_oracle.places(each["rows"], DRIVERS.names) == wanted[:20]
    assert (found["source"], found["exact"], found["zone"]) == ("driver_earnings", True, "America/New_York")
    assert found["as_of"]


async def test_routes_stand_in_their_order(asking: Asking, metric_world: World) -> None:
    found = await asking.metrics("routes/popular", f"{span(metric_world)}&limit=20&compare=previous")

    board_models.PopularAnswer.model_validate(found)
    figures = board_oracle.routes(metric_world.rows, metric_world.begin, metric_world.end)
    (board,) = found["boards"]
    assert board_oracle.places(board["rows"], ROUTES.names) == board_oracle.board(figures, "bookings")[:20]
    assert found["source"] == "popular_routes"


async def test_pages_follow_each_other(asking: Asking, metric_world: World) -> None:
    words = f"{span(metric_world)}&rank_by=seats"
    (whole,) = (await asking.metrics("routes/popular", f"{words}&limit=1000"))["boards"]
    rows: list[Any] = []
    cursor = ""
    while True:
        page = await asking.metrics("routes/popular", f"{words}&limit=150{cursor}")
        rows += page["boards"][0]["rows"]
        if page["next_cursor"] is None or len(rows) >= 1000:
            break
        cursor = f"&cursor={quote(page['next_cursor'])}"
    assert rows[:1000] == whole["rows"]
    other = await asking.get(f"/v1/metrics/routes/popular?{words}&limit=20{cursor}")
    assert other.content["code"] == "bad_cursor"


async def test_money_is_text_and_sums_to_the_metric(asking: Asking, metric_world: World, people_key: str) -> None:
    words = f"{span(metric_world)}&limit=1000"
    found = await asking.metrics("drivers/leaderboard", words, key=people_key)
    (metric,) = (await asking.metrics("drivers", f"{span(metric_world)}&metric=driver_earnings"))["metrics"]

    sums = {each["currency"]: sum(Decimal(row["value"]) for row in each["rows"]) for each in found["boards"]}
    assert sums == {row["key"]["currency"]: Decimal(row["value"]) for row in metric["rows"]}


async def test_an_answer_is_kept_and_not_sent_again(asking: Asking, metric_world: World) -> None:
    path = f"/v1/metrics/routes/popular?{span(metric_world)}&limit={secrets.randbelow(900) + 50}"
    first = await asking.get(path)
    second = await asking.get(path)
    again = await asking.get(path, headers={"If-None-Match": first.headers["ETag"]})

    assert [first.content.pop("cache"), second.content.pop("cache")] == ["miss", "hit"]
    assert first.content == second.content
    assert (again.status, again.content) == (304, None)


async def test_a_key_sees_what_it_may(asking: Asking, metric_settings: Settings, people_key: str) -> None:
    ticketing = await new_key(metric_settings, [Scope.METRICS_READ, Scope.PEOPLE_READ], ["ticketing"])
    people = ("drivers/leaderboard", "routes/recommended?rider=rider-1")

    for path in (*people, "routes/popular"):
        assert (await asking.get(f"/v1/metrics/{path}", key="")).status == 401
        assert (await asking.get(f"/v1/metrics/{path}", ticketing)).status == 403
    for path in people:
        unscoped = await asking.get(f"/v1/metrics/{path}")
        assert unscoped.status == 403
        assert "people:read" in unscoped.headers["WWW-Authenticate"]
    assert (await asking.get("/v1/metrics/routes/popular")).status == 200
    assert (await asking.get("/v1/metrics/drivers/leaderboard", people_key)).status == 200


@pytest.mark.parametrize(
    ("path", "code", "told"),
    [
        ("drivers/leaderboard?rank_by=fame", "bad_rank_by", "earnings, rating, trips"),
        ("drivers/leaderboard?least_ratings=3", "bad_least_ratings", "rank by rating"),
        ("drivers/leaderboard?where=driver_id:x", "unknown_dimension", "pickup_city"),
        ("drivers/leaderboard?limit=0", "bad_limit", "above 0"),
        ("drivers/leaderboard?limit=5000", "bad_limit", "1,000"),
        ("routes/popular?least_ratings=3", "unknown_parameter", "rank_by"),
        ("routes/popular?cursor=abc", "bad_cursor", "next_cursor"),
        ("routes/popular?compare=yesterday", "bad_parameter", "previous"),
        ("routes/popular?zone=Nowhere", "bad_zone", "America/New_York"),
        ("routes/popular?metric=refunds", "unknown_parameter", "rank_by"),
        ("routes/recommended", "bad_person", "`rider` or `driver`"),
        ("routes/recommended?rider=a&driver=b", "bad_person", "one person"),
        ("routes/recommended?rider=a&rider=b", "bad_parameter", "once"),
        ("routes/recommended?rider=a&limit=200", "bad_limit", "1 to 100"),
        ("routes/recommended?rider=a&from=soon", "bad_time", "2026-01-31T12:00:00Z"),
    ],
)
async def test_what_does_not_fit_is_a_problem(path: str, code: str, told: str, asking: Asking, people_key: str) -> None:
    found = await asking.get(f"/v1/metrics/{path}", people_key)

    assert (found.status, found.content["code"]) == (400, code)
    assert found.headers["Content-Type"] == "application/problem+json"
    assert told in found.content["detail"]


async def test_openapi_tells_them_with_examples(asking: Asking) -> None:
    schema = (await asking.get("/openapi.json")).content

    for path, model in MODELS.items():
        operation = schema["paths"][f"/v1/metrics/{path}"]["get"]
        model.model_validate(operation["responses"]["200"]["content"]["application/json"]["example"])
        assert operation["security"] == [{"ApiKey": []}]
    assert "409" in schema["paths"]["/v1/metrics/routes/recommended"]["get"]["responses"]
