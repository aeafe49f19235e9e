"""The addresses of metrics over real HTTP: every group, pages, keys, and errors with a way out."""

import asyncio
from decimal import Decimal
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import pytest

from api.ingest.schema import ProblemDetails
from api.metrics import models
from clickhouse.metrics import catalogue
from metadata.keys import Scope
from streams.settings import Settings
from tests.support.metric_client import Asking
from tests.support.metric_oracle import expected
from tests.support.metric_world import World
from tests.support.posting import new_key


def span(world: World) -> str:
    """The words for all of the time of a world."""
    return f"from={quote(world.begin.isoformat())}&to={quote(world.end.isoformat())}"


@pytest.mark.parametrize("group", catalogue.GROUPS)
async def test_a_group_answers_its_metrics(group: str, asking: Asking, metric_world: World) -> None:
    found = await asking.metrics(group, f"{span(metric_world)}&granularity=day&zone=Asia/Kathmandu&compare=previous")

    models.MetricsAnswer.model_validate(found)
    assert [each["metric"] for each in found["metrics"]] == [each.name for each in catalogue.of_group(group)]
    assert (found["group"], found["zone"], found["granularity"]) == (group, "Asia/Kathmandu", "day")
    for each in found["metrics"]:
        assert each["rows"], each["metric"]
        assert each["as_of"]
        assert each["compared_with"]


async def test_the_numbers_are_those_of_the_events(asking: Asking, metric_world: World) -> None:
    words = "metric=net_revenue&granularity=hour&zone=America/New_York&by=method"
    found = await asking.metrics("payments", f"{span(metric_world)}&{words}")

    (answer,) = found["metrics"]
    rows = {(row["start"], *row["key"].values()): Decimal(row["value"]) for row in answer["rows"]}
    zone, name = ZoneInfo("America/New_York"), "rides.net_revenue"
    wanted = expected(
        name, metric_world.rows, metric_world.begin, metric_world.end, "hour", zone, ("method",), is_money=True
    )
    assert rows == wanted
    assert {"-04:00", "-05:00"} == {row["start"][-6:] for row in answer["rows"]}
    assert (answer["exact"], answer["source"], answer["unit"]) == (True, "hourly_payments", "money")


@pytest.mark.parametrize(
    ("path", "status", "code", "told"),
    [
        ("payments?metric=net_revenu", 400, "unknown_metric", "METRICS_CATALOG"),
        ("payments?metric=visitors", 400, "unknown_metric", "METRICS_CATALOG"),
        ("payments?by=weather", 400, "unknown_dimension", "method"),
        ("payments?metric=refunds&by=weather", 400, "unknown_dimension", "pickup_zone"),
        ("payments?zon=UTC", 400, "unknown_parameter", "zone"),
        ("payments?zone=UTC&zone=UTC", 400, "bad_parameter", "once"),
        ("payments?zone=Nowhere", 400, "bad_zone", "America/New_York"),
        ("payments?granularity=decade", 400, "bad_granularity", "quarter"),
        ("payments?from=1", 400, "bad_time", "2026-01-31T12:00:00Z"),
        ("payments?from=2030-01-02&to=2030-01-01", 400, "bad_range", "after"),
        ("payments?limit=1e9", 400, "bad_limit", "whole number"),
        ("payments?limit=99999", 400, "bad_limit", "10,000"),
        ("payments?compare=yesterday", 400, "bad_parameter", "previous"),
        ("payments?exact=maybe", 400, "bad_parameter", "true or false"),
        ("payments?cursor=abc", 400, "bad_cursor", "one metric"),
        ("payments?metric=refunds&cursor=abc", 400, "bad_cursor", "next_cursor"),
        ("payments?metric=refunds&where=%00", 400, "bad_filter", "dimension:value"),
        ("weather", 404, "not_found", "docs/API.md"),
    ],
)
async def test_what_does_not_fit_is_a_problem(path: str, status: int, code: str, told: str, asking: Asking) -> None:
    found = await asking.get(f"/v1/metrics/{path}")

    assert (found.status, found.content["code"], found.content["status"]) == (status, code, status)
    assert found.headers["Content-Type"] == "application/problem+json"
    ProblemDetails.model_validate(found.content)
    assert told in found.content["detail"]


@pytest.mark.parametrize(
    "value", ["' OR 1=1 --", "\\", "{begin:String}", "%'; DROP TABLE events_raw", "\u2028", "a" * 500, "\t\n"]
)
async def test_hostile_values_are_inert(value: str, asking: Asking, metric_world: World) -> None:
    words = f"{span(metric_world)}&metric=refunds&by=method&where=method:{quote(value)}"
    found = await asking.metrics("payments", words)

    assert found["metrics"][0]["rows"] == []


async def test_pages_follow_each_other(asking: Asking, metric_world: World, people_key: str) -> None:
    words = f"{span(metric_world)}&metric=driver_earnings&by=driver_id"
    (whole,) = (await asking.metrics("drivers", f"{words}&limit=10000", key=people_key))["metrics"]
    rows: list[Any] = []
    cursor = ""
    while True:
        (page,) = (await asking.metrics("drivers", f"{words}&limit=200{cursor}", key=people_key))["metrics"]
        rows += page["rows"]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={quote(page['next_cursor'])}"
    assert rows == whole["rows"]
    assert len(rows) > 400
    other = await asking.get(f"/v1/metrics/drivers?{words}&limit=100{cursor}", people_key)
    assert other.content["code"] == "bad_cursor"


async def test_an_unchanged_answer_is_not_sent_again(asking: Asking, metric_world: World) -> None:
    path = f"/v1/metrics/sales?{span(metric_world)}&metric=tickets_sold&by=promoted"
    first = await asking.get(path)
    again = await asking.get(path, headers={"If-None-Match": first.headers["ETag"]})
    other = await asking.get(f"{path}&by=payment_method", headers={"If-None-Match": first.headers["ETag"]})

    assert (first.status, again.status, other.status) == (200, 304, 200)
    assert again.content is None
    assert again.headers["ETag"] == first.headers["ETag"] != other.headers["ETag"]


async def test_a_key_sees_what_it_may(asking: Asking, metric_settings: Settings) -> None:
    writing = await new_key(metric_settings, [Scope.EVENTS_WRITE])
    ticketing = await new_key(metric_settings, [Scope.METRICS_READ], ["ticketing"])
    slow = await new_key(metric_settings, [Scope.METRICS_READ], requests_per_second=1)

    none = await asking.get("/v1/metrics/sales", key="")
    wrong = await asking.get("/v1/metrics/sales", key="mr_0123456789abcdef_nothing")
    unscoped = await asking.get("/v1/metrics/sales", key=writing)
    rides = await asking.get("/v1/metrics/users", key=ticketing)
    own = await asking.get("/v1/metrics/sales", key=ticketing)
    often = [await asking.get("/v1/metrics/sales?metric=orders", key=slow) for _ in range(8)]

    assert [each.status for each in (none, wrong, unscoped, rides, own)] == [401, 401, 403, 403, 200]
    assert "metrics:read" in unscoped.headers["WWW-Authenticate"]
    assert "may not read domain 'rides', only ticketing" in rides.content["detail"]
    assert often[0].status == 200
    assert 429 in [each.status for each in often]
    assert next(each for each in often if each.status == 429).headers["Retry-After"]


@pytest.mark.parametrize("word", ["by=driver_id", "where=driver_id:driver-1"])
async def test_ids_of_people_need_a_scope_of_their_own(word: str, asking: Asking, people_key: str) -> None:
    refused = await asking.get(f"/v1/metrics/drivers?metric=driver_trips&{word}")
    given = await asking.get(f"/v1/metrics/drivers?metric=driver_trips&{word}", people_key)

    assert (refused.status, given.status) == (403, 200)
    assert "people:read" in refused.headers["WWW-Authenticate"]


async def test_openapi_tells_every_group_with_an_example(asking: Asking) -> None:
    schema = (await asking.get("/openapi.json")).content

    for group in catalogue.GROUPS:
        operation = schema["paths"][f"/v1/metrics/{group}"]["get"]
        example = operation["responses"]["200"]["content"]["application/json"]["example"]
        models.MetricsAnswer.model_validate(example)
        assert operation["security"] == [{"ApiKey": []}]
        assert {each["name"] for each in operation["parameters"]} >= {"metric", "from", "zone", "cursor"}
    assert "/v1/metrics/realtime" in schema["paths"]


async def test_many_at_once_are_all_answered(asking: Asking, metric_world: World) -> None:
    words = [f"{span(metric_world)}&metric=refunds&by=method&limit={n}" for n in range(1, 61)]

    found = await asyncio.gather(*(asking.metrics("payments", each) for each in words))

    assert [len(each["metrics"][0]["rows"]) <= n for n, each in enumerate(found, 1)] == [True] * 60
