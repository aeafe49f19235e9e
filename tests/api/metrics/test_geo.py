"""Metrics by place over real HTTP: every level of both domains, cells with their middle, and what does not fit."""

from collections import Counter
from decimal import Decimal
from typing import Any

import pytest

from api.metrics import models
from metadata.keys import Scope
from streams.settings import Settings
from tests.api.metrics.test_metrics import span
from tests.support.metric_client import Asking
from tests.support.metric_world import World
from tests.support.posting import new_key

LEVELS = {
    "rides": {name: f"pickup_{name}" for name in ("country", "state", "city", "zone")},
    "ticketing": {"country": "country", "state": "region", "city": "city"},
}
"""The levels of each domain that name a place together, and the fields of the rows."""


def created(world: World) -> list[dict[str, Any]]:
    """The bookings of a world."""
    return [row for row in world.rows if row["event_type"] == "booking.created" and within(world, row)]


def within(world: World, row: dict[str, Any]) -> bool:
    """Whether a row lies in the time that is asked for."""
    return bool(world.begin <= row["occurred_at"] < world.end)


@pytest.mark.parametrize(
    ("domain", "level", "metric", "kind"),
    [("rides", level, "bookings_created", "booking.created") for level in LEVELS["rides"]]
    + [("ticketing", level, "event_views", "event.viewed") for level in LEVELS["ticketing"]],
)
async def test_places_are_told_apart_by_all_levels_above(
    domain: str, level: str, metric: str, kind: str, asking: Asking, metric_world: World
) -> None:
    found = await asking.metrics("geo", f"{span(metric_world)}&domain={domain}&level={level}&metric={metric}")

    names = [*LEVELS[domain]][: [*LEVELS[domain]].index(level) + 1]
    rows = [row for row in metric_world.rows if row["event_type"] == kind and within(metric_world, row)]
    wanted = Counter(tuple(row[LEVELS[domain][name]] or "" for name in names) for row in rows)
    models.GeoAnswer.model_validate(found)
    (answer,) = found["metrics"]
    assert answer["by"] == names
    assert {tuple(row["key"][name] for name in names): row["value"] for row in answer["rows"]} == wanted


async def test_cells_have_their_middle(asking: Asking, metric_world: World) -> None:
    found = await asking.metrics("geo", f"{span(metric_world)}&level=cell&metric=bookings_created&limit=10000")

    (answer,) = models.GeoAnswer.model_validate(found).metrics
    wanted = Counter(f"{row['pickup_cell']:x}" if row["pickup_cell"] else "" for row in created(metric_world))
    assert {row.key["cell"]: row.value for row in answer.rows} == wanted
    points = {f"{row['pickup_cell']:x}": row for row in created(metric_world) if row["pickup_cell"]}
    for row in answer.rows:
        if not row.key["cell"]:
            assert row.latitude is None
            continue
        # A cell of resolution 8 is a kilometre wide: all that lies in it is near to its middle.
        event = points[row.key["cell"]]
        assert row.latitude == pytest.approx(event["pickup_latitude"], abs=0.02)
        assert row.longitude == pytest.approx(event["pickup_longitude"], abs=0.02)


async def test_money_has_its_currency_and_places_can_be_kept(asking: Asking, metric_world: World) -> None:
    words = f"{span(metric_world)}&level=zone&metric=gross_revenue&where=city:New+York*&by=method"
    found = await asking.metrics("geo", words)

    sums: dict[tuple[str, ...], Decimal] = {}
    for row in metric_world.rows:
        if row["event_type"] == "payment.success" and within(metric_world, row):
            key = (*(row[field] for field in LEVELS["rides"].values()), row["method"], row["currency"])
            sums[key] = sums.get(key, Decimal()) + row["amount"]
    (answer,) = found["metrics"]
    assert answer["by"] == ["country", "state", "city", "zone", "method", "currency"]
    wanted = {key: value for key, value in sums.items() if key[2].startswith("New York")}
    assert {tuple(row["key"].values()): Decimal(row["value"]) for row in answer["rows"]} == wanted
    assert wanted


async def test_without_a_metric_it_is_every_one_that_knows_places(asking: Asking, metric_world: World) -> None:
    found = await asking.metrics("geo", f"{span(metric_world)}&level=country&compare=previous")
    names = {each["metric"] for each in models.GeoAnswer.model_validate(found).model_dump()["metrics"]}

    assert {"rides.bookings_created", "rides.net_revenue", "rides.trip_completion"} <= names
    assert all(name.startswith("rides.") for name in names)
    assert "rides.active_users" not in names


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        ("level=street", "bad_level", "zone or cell"),
        ("domain=ticketing&level=cell", "bad_level", "country, state, city"),
        ("domain=weather", "bad_domain", "rides or ticketing"),
        ("level=city&level=zone", "bad_parameter", "once"),
        ("levl=city", "unknown_parameter", "level"),
        ("metric=active_users", "unknown_metric", "METRICS_CATALOG"),
        ("metric=refunds&where=galaxy:Milky+Way", "unknown_dimension", "pickup_city"),
    ],
)
async def test_what_does_not_fit_is_a_problem(words: str, code: str, told: str, asking: Asking) -> None:
    found = await asking.get(f"/v1/metrics/geo?{words}")

    assert (found.status, found.content["code"]) == (400, code)
    assert told in found.content["detail"]


async def test_a_key_of_one_domain_sees_its_places(asking: Asking, metric_settings: Settings) -> None:
    key = await new_key(metric_settings, [Scope.METRICS_READ], ["ticketing"])

    assert (await asking.get("/v1/metrics/geo?metric=refunds", key)).status == 403
    assert (await asking.get("/v1/metrics/geo?metric=refunds&domain=ticketing", key)).status == 200


async def test_openapi_tells_it_with_an_example(asking: Asking) -> None:
    operation = (await asking.get("/openapi.json")).content["paths"]["/v1/metrics/geo"]["get"]

    models.GeoAnswer.model_validate(operation["responses"]["200"]["content"]["application/json"]["example"])
    assert {each["name"] for each in operation["parameters"]} >= {"level", "domain", "metric", "cursor"}
