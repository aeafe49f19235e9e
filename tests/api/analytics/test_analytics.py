"""The addresses of product analytics over real HTTP: numbers, keys, the cache, errors with a way out, OpenAPI."""

import secrets
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from api.analytics.schema import EXAMPLES, MODELS
from api.analytics.service import kept
from api.ingest.schema import ProblemDetails
from api.metrics.freshness import Freshness
from clickhouse.analytics import funnel
from clickhouse.analytics.kinds import KINDS
from clickhouse.analytics.words import FunnelWords
from metadata.audit import Audit, Wanted
from metadata.keys import Scope
from metadata.session import connect
from streams.settings import Settings
from tests.support.metric_client import Asking
from tests.support.metric_world import World
from tests.support.posting import new_key

PATHS = "/v1/analytics/"
STEPS = ["event.viewed", "checkout.started", "ticket.purchased"]


def question(world: World, **words: Any) -> dict[str, Any]:
    """A question about all of the time of a world."""
    return {"domain": "ticketing", "from": world.begin.isoformat(), "to": world.end.isoformat(), **words}


def visits(world: World) -> dict[str, list[tuple[datetime, str]]]:
    """What each person of ticketing did, in order."""
    found: dict[str, list[tuple[datetime, str]]] = {}
    for row in world.rows:
        who = row["domain"] == "ticketing" and (row["user_id"] or row["session_id"])
        if who:
            found.setdefault(who, []).append((row["occurred_at"], row["event_type"]))
    return {who: sorted(each) for who, each in found.items()}


def furthest(journey: Sequence[tuple[datetime, str]], begin: datetime, end: datetime, window: timedelta) -> int:
    """How far somebody came, from each beginning by the earliest next steps."""
    best = 0
    for first in (at for at, kind in journey if kind == STEPS[0] and begin <= at < end):
        at, count = first, 1
        for wanted in STEPS[1:]:
            later = [each for each, kind in journey if kind == wanted and at <= each <= first + window]
            if not later:
                break
            at, count = later[0], count + 1
        best = max(best, count)
    return best


async def test_a_funnel_is_that_of_the_events(asking: Asking, metric_world: World, metric_settings: Settings) -> None:
    asked = question(metric_world, steps=STEPS, window="2h")
    found = await asking.post(f"{PATHS}funnels", asked)
    exact = await asking.post(f"{PATHS}funnels", asked | {"times": True})
    key = await new_key(metric_settings, [Scope.METRICS_READ, Scope.PEOPLE_READ])
    left = await asking.post(f"{PATHS}funnels/people", asked | {"step": 2, "state": "left", "limit": 10_000}, key)

    begin, end = metric_world.begin, metric_world.end
    came = {who: furthest(each, begin, end, timedelta(hours=2)) for who, each in visits(metric_world).items()}
    wanted = [sum(1 for level in came.values() if level >= step) for step in (1, 2, 3)]
    for answer, path in ((found.content, "fast"), (exact.content, "exact")):
        MODELS["funnels"].model_validate(answer)
        (group,) = answer["groups"]
        assert [step["people"] for step in group["steps"]] == wanted
        assert answer["path"] == path
    assert wanted[0] > wanted[1] > wanted[2] > 0
    assert left.content["people"] == sorted(who for who, level in came.items() if level == 2)
    MODELS["people"].model_validate(left.content)
    engine = connect(metric_settings)
    recorded = await Audit(engine, metric_settings).list(
        Wanted(actions=("people.read",), actor=f"key:{key.split('_')[1]}")
    )
    assert [(each.outcome, each.figures) for each in recorded] == [("done", {"ids": len(left.content["people"])})]
    await engine.dispose()


async def test_retention_is_that_of_the_events(asking: Asking, metric_world: World) -> None:
    zone = ZoneInfo("America/New_York")
    words = {"start": "page.viewed", "back": "page.viewed", "zone": zone.key, "periods": 2}
    found = await asking.post(f"{PATHS}retention", question(metric_world, **words))

    MODELS["retention"].model_validate(found.content)
    wanted: Counter[tuple[str, int]] = Counter()
    for journey in visits(metric_world).values():
        days = [at.astimezone(zone).date() for at, kind in journey if kind == "page.viewed"]
        if days and journey[0][0] < metric_world.end:
            offsets = {(day - days[0]).days for day in days} - ({0} if days.count(days[0]) == 1 else set())
            wanted.update((str(days[0]), offset) for offset in {-1, *offsets} if offset <= 2)
    told = {(each["start"][:10], -1): each["people"] for each in found.content["cohorts"]}
    for cohort in found.content["cohorts"]:
        told |= {(cohort["start"][:10], each["period"]): each["people"] for each in cohort["periods"] if each["people"]}
    assert told == wanted


@pytest.mark.parametrize("name", [*KINDS])
async def test_every_example_is_answered_and_kept(name: str, asking: Asking, metric_world: World) -> None:
    limit = secrets.randbelow(900) + 50
    asked = EXAMPLES[name] | {
        "from": metric_world.begin.isoformat(),
        "to": metric_world.end.isoformat(),
        "limit": limit,
    }
    first, second = [(await asking.post(f"{PATHS}{name}", asked)) for _ in range(2)]

    assert first.status == 200, first.content
    MODELS[name].model_validate(first.content)
    assert [each.content.pop("cache") for each in (first, second)] == ["miss", "hit"]
    assert first.content == second.content
    assert first.content["groups" if name == "funnels" else "paths" if name == "paths" else "cohorts"]


@pytest.mark.parametrize(
    ("path", "body", "status", "code", "told"),
    [
        ("funnels", b"{", 400, "bad_question", "JSON"),
        ("funnels", {"domain": "ticketing", "steps": ["event.viewd"]}, 400, "unknown_event", "event.viewed"),
        ("funnels", {"domain": "ticketing", "stps": []}, 400, "bad_question", "steps"),
        ("funnels", b"[" * 100_000, 413, "too_long", "65,536"),
        ("retention", {"domain": "rides", "start": "trip.started", "periods": 0}, 400, "bad_periods", "1 to 60"),
        ("weather", {}, 404, "not_found", "docs/API.md"),
    ],
)
async def test_what_does_not_fit_is_a_problem(
    path: str, body: Any, status: int, code: str, told: str, asking: Asking
) -> None:
    found = await asking.post(f"{PATHS}{path}", body)

    assert (found.status, found.content["code"]) == (status, code)
    assert found.headers["Content-Type"] == "application/problem+json"
    ProblemDetails.model_validate(found.content)
    assert told in found.content["detail"]


async def test_a_question_is_posted(asking: Asking) -> None:
    found = await asking.get(f"{PATHS}funnels")

    assert (found.status, found.content["code"]) == (405, "method_not_allowed")


async def test_a_key_sees_what_it_may(asking: Asking, metric_settings: Settings, metric_world: World) -> None:
    writing = await new_key(metric_settings, [Scope.EVENTS_WRITE])
    rides = await new_key(metric_settings, [Scope.METRICS_READ, Scope.PEOPLE_READ], ["rides"])
    asked = question(metric_world, steps=STEPS)
    people = asked | {"step": 1}

    none = await asking.post(f"{PATHS}funnels", asked, "")
    unscoped = await asking.post(f"{PATHS}funnels", asked, writing)
    other = await asking.post(f"{PATHS}funnels", asked, rides)
    ids = await asking.post(f"{PATHS}funnels/people", people)
    others = await asking.post(f"{PATHS}funnels/people", people, rides)

    assert [each.status for each in (none, unscoped, other, ids, others)] == [401, 403, 403, 403, 403]
    assert "people:read" in ids.headers["WWW-Authenticate"]
    assert "metrics:read" in unscoped.headers["WWW-Authenticate"]


DRIVEN = {"event": "trip.completed", "where": {"driver_id": ["nyc-driver-1"]}}
BY_DRIVER: dict[str, tuple[str, dict[str, Any]]] = {
    "a breakdown": ("funnels", {"steps": ["trip.started", "trip.completed"], "by": "driver_id"}),
    "a step": ("funnels", {"steps": [DRIVEN, "payment.success"]}),
    "an exclusion": ("funnels", {"steps": ["booking.created", "payment.success"], "exclude": [DRIVEN]}),
    "a start": ("retention", {"start": DRIVEN}),
    "a return by each": ("retention", {"start": "trip.started", "back": "trip.completed", "by": "driver_id"}),
    "a cohort": ("cohorts", {"start": "booking.created", "doing": DRIVEN}),
    "an anchor": ("paths", {"anchor": DRIVEN}),
}
"""Questions in which ids of drivers stand."""


@pytest.mark.parametrize("where", BY_DRIVER)
async def test_ids_of_people_need_a_scope_of_their_own(
    where: str, asking: Asking, people_key: str, metric_world: World
) -> None:
    name, words = BY_DRIVER[where]
    asked = question(metric_world, domain="rides", **words)

    refused = await asking.post(f"{PATHS}{name}", asked)
    given = await asking.post(f"{PATHS}{name}", asked, people_key)

    assert (refused.status, given.status) == (403, 200)
    assert "people:read" in refused.headers["WWW-Authenticate"]


async def test_openapi_tells_every_question_with_an_example(asking: Asking) -> None:
    schema = (await asking.get("/openapi.json")).content

    known = schema["components"]["schemas"]
    for name, path in ((each, "funnels/people" if each == "people" else each) for each in MODELS):
        operation = schema["paths"][f"{PATHS}{path}"]["post"]
        content = operation["requestBody"]["content"]["application/json"]
        assert content["example"] == EXAMPLES[name]
        fields = known[content["schema"]["$ref"].rpartition("/")[2]]["properties"]
        assert EXAMPLES[name].keys() <= fields.keys()
        assert operation["security"] == [{"ApiKey": []}]


@pytest.mark.parametrize(
    ("end", "window", "wanted"),
    [
        ("2026-05-20", "1h", Freshness(1800, 1800)),
        ("2026-05-20", "7d", Freshness(300, 300)),
        ("2026-05-20T11:50:00Z", "1h", Freshness(15, 45)),
        ("", "1h", Freshness(15, 45)),
    ],
)
def test_what_can_still_change_is_kept_for_less_time(end: str, window: str, wanted: Freshness) -> None:
    now = datetime.fromisoformat("2026-05-20T12:00:00Z")
    words = {"domain": "ticketing", "from": "2026-05-01", "to": end, "zone": "UTC", "steps": STEPS, "window": window}

    assert kept(Settings(), funnel.ask(FunnelWords.model_validate(words), now), now) == wanted
