"""Every table that a board can be read from says what plain Python makes of the raw rows, ties in their order too."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from clickhouse_connect.driver.asyncclient import AsyncClient
from clickhouse_connect.driver.client import Client

from clickhouse.boards import answer
from clickhouse.boards.board import DRIVERS, ROUTES, Board
from clickhouse.boards.question import Question, ask
from streams.errors import QueryRefused
from tests.support import board_oracle
from tests.support.metric_world import World

WAYS = [(board, by) for board in (DRIVERS, ROUTES) for by in board.ranks]


def asked(world: World, board: Board, by: str, **words: Any) -> Question:
    """A question about all of the time of a world."""
    span: dict[str, Any] = {"begin": world.begin.isoformat(), "end": world.end.isoformat(), "limit": 1000}
    return ask(board, by=by, **(span | words))


@pytest.mark.parametrize(("board", "by"), WAYS, ids=lambda each: each if isinstance(each, str) else each.name)
async def test_every_table_says_what_the_rows_say(
    board: Board, by: str, metric_world: World, reader: AsyncClient
) -> None:
    question = asked(metric_world, board, by, least=2 if by == "rating" else None)
    figures = getattr(board_oracle, board.name)(metric_world.rows, metric_world.begin, metric_world.end)
    assert len(question.sources) == 2
    for source in question.sources:
        found = await answer.read(reader, question, source)
        currencies = {each["currency"] for each in found["boards"]}
        assert currencies == ({"EUR", "JPY", "USD"} if by == "earnings" else {None})
        for each in found["boards"]:
            wanted = board_oracle.board(figures, by, 2, each["currency"] or "")
            assert board_oracle.places(each["rows"], board.names) == wanted[:1000], source.table
            assert each["members"] == len(wanted)
            assert by == "earnings" or any(one[0] == other[0] for one, other in pairwise(wanted)), "no ties"


async def test_the_figures_of_a_driver_are_over_all_currencies(metric_world: World, reader: AsyncClient) -> None:
    found = await answer.ask(reader, asked(metric_world, DRIVERS, "earnings"))

    figures = board_oracle.drivers(metric_world.rows, metric_world.begin, metric_world.end)
    for row in (row for each in found["boards"] for row in each["rows"]):
        one = figures[row["driver_id"],]
        assert {name: Decimal(amount) for name, amount in row["earnings"].items()} == one.earnings
        assert (row["trips"], row["ratings"]) == (one.trips, len(one.ratings))
        assert row["km"] == pytest.approx(one.km, abs=0.001)
        assert row["rating"] == (one.rating if one.ratings else None)


async def test_the_figures_of_a_route(metric_world: World, reader: AsyncClient) -> None:
    (board,) = (await answer.ask(reader, asked(metric_world, ROUTES, "bookings")))["boards"]

    figures = board_oracle.routes(metric_world.rows, metric_world.begin, metric_world.end)
    whole = sum(one.bookings for one in figures.values())
    for row in board["rows"]:
        one = figures[row["route_id"], row["from_zone"], row["to_zone"]]
        assert (row["trips"], row["seats"], row["seats_offered"]) == (one.trips, one.seats, one.offered)
        assert row["utilization"] == (one.seats / one.offered if one.offered else None)
        assert row["share"] == pytest.approx(one.bookings / whole)


async def test_pages_follow_each_other(metric_world: World, reader: AsyncClient) -> None:
    whole = await answer.ask(reader, asked(metric_world, DRIVERS, "earnings"))
    question = asked(metric_world, DRIVERS, "earnings", limit=7)
    first, second = [await answer.ask(reader, question.at(offset)) for offset in (0, 7)]

    assert first["has_more"]
    for each in whole["boards"]:
        boards = [one for page in (first, second) for one in page["boards"] if one["currency"] == each["currency"]]
        assert [row for one in boards for row in one["rows"]] == each["rows"][:14]


@pytest.mark.parametrize(("board", "by"), [(DRIVERS, "earnings"), (ROUTES, "bookings")], ids=["drivers", "routes"])
async def test_the_rank_before_stands_beside(board: Board, by: str, metric_world: World, reader: AsyncClient) -> None:
    middle = metric_world.begin + timedelta(hours=30)
    question = asked(metric_world, board, by, begin=middle.isoformat())
    now = await answer.ask(reader, question, compare=True)
    figures = getattr(board_oracle, board.name)(metric_world.rows, metric_world.begin, middle)

    assert now["compared_with"]["to"] == now["from"]
    compared = 0
    for each in now["boards"]:
        before = board_oracle.board(figures, by, currency=each["currency"] or "")
        known = {names: (place, value) for place, names, value in before}
        for row in each["rows"]:
            place, value = known.get(tuple(row[name] for name in board.names), (None, None))
            told = Decimal(row["previous"]) if by == "earnings" and row["previous"] else row["previous"]
            assert (row["previous_rank"], told) == (place, value)
            compared += place is not None
    assert compared  # some stood there before


async def test_filters_keep_what_they_say(metric_world: World, reader: AsyncClient) -> None:
    city = asked(metric_world, DRIVERS, "trips", where=["pickup_city:New York*"])
    rows = [row for row in metric_world.rows if (row.get("pickup_city") or "").startswith("New York")]
    wanted = board_oracle.board(board_oracle.drivers(rows, metric_world.begin, metric_world.end), "trips")
    (board,) = (await answer.ask(reader, city))["boards"]
    evil = await answer.ask(reader, asked(metric_world, ROUTES, "trips", where=["from_zone:' OR 1=1 --"]))

    assert city.source.table == "trip_events"
    assert board_oracle.places(board["rows"], DRIVERS.names) == wanted[:1000]
    assert evil["boards"] == []


def test_a_range_that_cuts_buckets_is_read_from_the_events() -> None:
    words: dict[str, Any] = {"begin": "2026-05-20T00:00:00Z", "end": "2026-05-20T00:07:00Z"}

    assert [ask(board, **words).source.table for board in (DRIVERS, ROUTES)] == ["trip_events", "events_raw"]
    assert ask(DRIVERS, begin="24h", now=datetime(2026, 5, 20, 10, 7, tzinfo=UTC)).source.table == "driver_earnings"


async def test_equal_drivers_share_a_place_and_stand_by_their_id(client: Client, async_client: AsyncClient) -> None:
    at = datetime(2026, 5, 20, 10, tzinfo=UTC)
    lines = [
        (at, name, "trip.completed", "USD", 2, Decimal(earned))
        for name, earned in (("ben", "9.99"), ("zoe", "10"), ("ann", "10"), ("mia", "10.01"))
    ]
    client.insert(
        "driver_earnings", lines, column_names=["bucket", "driver_id", "event_type", "currency", "events", "earnings"]
    )
    found = await answer.ask(async_client, ask(DRIVERS, begin="2026-05-20", end="2026-05-21", zone="UTC"))

    (board,) = found["boards"]
    assert [(row["rank"], row["driver_id"], row["value"]) for row in board["rows"]] == [
        (1, "mia", "10.0100"),
        (2, "ann", "10.0000"),
        (2, "zoe", "10.0000"),
        (4, "ben", "9.9900"),
    ]


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        ({"by": "fame"}, "bad_rank_by", "earnings, rating, trips"),
        ({"least": 3}, "bad_least_ratings", "rank by rating"),
        ({"by": "rating", "least": 0}, "bad_least_ratings", "1 to 1,000,000"),
        ({"limit": 1001}, "bad_limit", "1 to 1,000"),
        ({"where": ["driver_id:ann"]}, "unknown_dimension", "pickup_city"),
        ({"begin": "2026-05-02", "end": "2026-05-01"}, "bad_range", "after `from`"),
    ],
)
def test_what_does_not_fit_is_refused(words: dict[str, Any], code: str, told: str) -> None:
    with pytest.raises(QueryRefused) as refused:
        ask(DRIVERS, **words)

    assert refused.value.code == code
    assert told in f"{refused.value} {refused.value.hint}"
