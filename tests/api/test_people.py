"""Whatever address can name a person asks for the scope: broken down by ids, filtered by them, or as a file."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

import pytest

from api.metrics import geo
from clickhouse.analytics.kinds import KINDS
from clickhouse.analytics.step import dimensions
from clickhouse.metrics import catalogue
from clickhouse.metrics.geo import metrics as placed
from metadata.keys import Scope
from streams.events import registry
from streams.events.domains import DOMAINS, RIDES
from streams.persons import PERSON_FIELDS
from streams.settings import Settings
from tables.declared import declared
from tests.support.metric_client import Asking
from tests.support.metric_world import World
from tests.support.posting import new_key

ID: Final = "driver_id"
"""The one id that anything can be told by; the first test says if there are more."""
NAMED: Final = [metric for metric in catalogue.METRICS if {*PERSON_FIELDS} & {*metric.dimensions}]
STEP: Final = {"event": "trip.completed", "where": {ID: ["driver-1"]}}
PLAIN: Final = "trip.started"
QUESTIONS: Final[Mapping[str, tuple[str, dict[str, Any]]]] = {
    "a funnel by drivers": ("funnels", {"steps": [PLAIN, "trip.completed"], "by": ID}),
    "a funnel of one driver": ("funnels", {"steps": [PLAIN, STEP]}),
    "a funnel without one": (
        "funnels",
        {"steps": [PLAIN, "trip.completed"], "exclude": [STEP | {"event": "trip.cancelled"}]},
    ),
    "retention by drivers": ("retention", {"start": PLAIN, "by": ID}),
    "retention of one": ("retention", {"start": PLAIN, "back": STEP}),
    "cohorts by drivers": ("cohorts", {"start": PLAIN, "doing": "trip.completed", "by": ID}),
    "cohorts of one": ("cohorts", {"start": STEP, "doing": PLAIN}),
    "paths of one": ("paths", {"anchor": STEP}),
}


@pytest.fixture(scope="module")
def rows_key(metric_settings: Settings) -> str:
    """A key that may see everything but people."""
    return asyncio.run(new_key(metric_settings, [Scope.METRICS_READ, Scope.ROWS_READ]))


def spread(world: World) -> dict[str, str]:
    """All of the time of a world."""
    return {"from": world.begin.isoformat(), "to": world.end.isoformat()}


def test_what_people_can_be_told_by_is_known() -> None:
    known = {name for metric in catalogue.METRICS for name in metric.dimensions}
    known |= {name for spec in registry.events.values() for name in dimensions(spec)}

    assert known & {*PERSON_FIELDS} == {ID}
    assert NAMED
    assert {kind for kind, _ in QUESTIONS.values()} == KINDS.keys()
    # Live windows are shown to everybody, so none has a person for its key.
    assert not [name for name, window in declared.windows.items() if {*window.over.key} & {*PERSON_FIELDS}]


@pytest.mark.parametrize("name", [metric.name for metric in NAMED])
@pytest.mark.parametrize("word", [{"by": ID}, {"where": f"{ID}:driver-1"}], ids=["by", "where"])
async def test_metrics_and_their_files(
    name: str, word: dict[str, str], asking: Asking, metric_world: World, rows_key: str, people_key: str
) -> None:
    metric = catalogue.BY_NAME[name]
    words = {"metric": metric.short, **word, **spread(metric_world)}
    (group, *_) = metric.groups
    path = f"metrics/{group}?{urlencode(words)}"
    order = {
        "metrics": group,
        **{each: text if each in spread(metric_world) else [text] for each, text in words.items()},
    }

    found = [
        await asking.get(f"/v1/{path}", rows_key),
        await asking.get(f"/v1/export/{path}", rows_key),
        await asking.post("/v1/exports", order, rows_key),
    ]

    assert [each.status for each in found] == [403] * 3, [each.content for each in found]
    assert all("people:read" in each.headers["WWW-Authenticate"] for each in found)
    assert (await asking.get(f"/v1/{path}", people_key)).status == 200


@pytest.mark.parametrize("name", [*QUESTIONS])
async def test_product_analytics_and_its_files(
    name: str, asking: Asking, metric_world: World, rows_key: str, people_key: str
) -> None:
    kind, words = QUESTIONS[name]
    asked = {"domain": RIDES.name, "of": "driver", **spread(metric_world), **words}

    found = [
        await asking.post(f"/v1/analytics/{kind}", asked, rows_key),
        await asking.post("/v1/exports", {"analytics": kind, "question": asked}, rows_key),
    ]

    assert [each.status for each in found] == [403] * 2, [each.content for each in found]
    assert all("people:read" in each.headers["WWW-Authenticate"] for each in found)
    given = await asking.post(f"/v1/analytics/{kind}", asked, people_key)
    assert given.status == 200, given.content


async def test_places_are_not_told_by_people(asking: Asking, metric_world: World, rows_key: str) -> None:
    assert not [metric for domain in DOMAINS.values() for metric in placed(domain) if metric in NAMED]
    found = await asking.get(f"/v1/metrics/{geo.GROUP}?{urlencode({'by': ID, **spread(metric_world)})}", rows_key)
    assert found.status == 400
