"""Whoever drives and rides is one person: funnels of rides say so, whether or not they read the ids of drivers."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from clickhouse_connect.driver.asyncclient import AsyncClient
from clickhouse_connect.driver.client import Client

from clickhouse.analytics import funnel, funnel_answer, funnel_sql
from clickhouse.analytics.funnel import Path
from clickhouse.analytics.journey import ACTORS
from clickhouse.analytics.words import FunnelWords
from streams.events import registry
from tests.support.journeys import BASE

pytestmark = pytest.mark.xdist_group("journeys")  # in one database
PERSON = ACTORS["rides"][0]
ROWS = (
    ("booking.created", "ann", None),
    ("trip.started", "ann", "bob"),
    ("booking.created", "bob", None),
    ("trip.started", "bob", "cem"),
    ("booking.created", "cem", None),
    ("route.created", "", "bob"),
    ("route.created", "", "dan"),
)
"""Type, user and driver, a minute after each other."""


def asked(*steps: str) -> funnel.Funnel:
    """A funnel of rides."""
    end = (BASE + timedelta(days=1)).isoformat()
    words = {"domain": "rides", "from": BASE.isoformat(), "to": end, "steps": [*steps], "window": "1d"}
    return funnel.ask(FunnelWords.model_validate(words))


@pytest.mark.parametrize(
    ("steps", "people"),
    [
        (("booking.created", "trip.started"), [3, 2]),
        (("route.created", "trip.started"), [2, 0]),
        (("booking.created", "route.created"), [3, 1]),
    ],
)
async def test_a_person_is_the_rider_or_else_the_driver(
    steps: tuple[str, ...], people: list[int], journey_store: Client, journey_reader: AsyncClient
) -> None:
    journey_store.command("TRUNCATE TABLE events_raw")
    rows: list[Any] = [
        (f"{number}", kind, BASE + timedelta(minutes=number), user, driver, datetime.now(UTC))
        for number, (kind, user, driver) in enumerate(ROWS)
    ]
    columns = ("event_id", "event_type", "occurred_at", "user_id", "driver_id", "ingested_at")
    journey_store.insert("events_raw", rows, columns, settings={"max_partitions_per_insert_block": 0})
    for path in Path:
        answer = await funnel_answer.answer(journey_reader, asked(*steps), path)
        assert [step["people"] for step in answer["groups"][0]["steps"]] == people, path


def test_ids_that_no_step_needs_are_not_read() -> None:
    for path in Path:
        assert "driver_id" not in funnel_sql.groups(asked("booking.created", "trip.started"), path)[0]
        assert "driver_id" in funnel_sql.groups(asked("booking.created", "route.created"), path)[0]


def test_only_what_every_event_must_say_is_read_alone() -> None:
    riders = [spec for spec in registry.events.values() if "user_id" in spec.fields and spec.domain.name == "rides"]
    assert PERSON.in_all(riders).expression == "user_id"
    assert PERSON.in_all([*riders, registry.events["route.created"]]) is PERSON
    visitor = ACTORS["ticketing"][0]
    assert visitor.in_all([registry.events["ticket.purchased"]]) is visitor
