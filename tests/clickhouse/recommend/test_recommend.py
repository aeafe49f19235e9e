"""Recommended routes, and how often they hit, are what plain Python makes of the same rides; too little is refused."""

from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from clickhouse_connect.driver.asyncclient import AsyncClient

from clickhouse.client import connect, connect_sync
from clickhouse.recommend import measure, routes
from clickhouse.recommend.routes import LEAST_SUPPORT, Question, Who
from streams.errors import QueryRefused
from streams.events.domains import RIDES
from streams.settings import Settings
from tests.support import recommend_oracle as oracle
from tests.support import town
from tests.support.tables import migrated

SPAN: dict[str, Any] = {"begin": town.BEGIN.isoformat(), "end": town.END.isoformat()}
BY_HABIT = town.town(3, people=120, rides=8, habit=0.7, quarters=5)
AT_RANDOM = town.town(4, people=120, rides=8, habit=0.0, quarters=2)


@pytest.fixture(scope="module")
def place(stack_settings: Settings) -> Iterator[Settings]:
    """A database in which riders have habits, and drivers none."""
    settings = migrated(stack_settings.model_copy(update={"clickhouse_database": "test_recommend"}), rollups=False)
    client = connect_sync(settings)
    town.load(client, Who.RIDER, BY_HABIT)
    town.load(client, Who.DRIVER, AT_RANDOM)
    yield settings
    client.command("DROP DATABASE test_recommend SYNC")
    client.close()


@pytest.fixture
async def reading(place: Settings) -> AsyncIterator[AsyncClient]:
    """A client of it."""
    client = await connect(place, reading=True)
    yield client
    await client.close()


def asked(who: Who, person: str, end: datetime = town.END, limit: int = 100) -> Question:
    """A question about all of the time before."""
    return routes.ask(who, person, begin=SPAN["begin"], end=end.isoformat(), limit=limit)


@pytest.mark.parametrize(("who", "rides"), [(Who.RIDER, BY_HABIT), (Who.DRIVER, AT_RANDOM)])
async def test_routes_are_those_of_people_with_routes_in_common(
    who: Who, rides: list[town.Ride], reading: AsyncClient
) -> None:
    known = oracle.taken(rides, town.BEGIN, town.END)
    takers = oracle.takers_of(known)
    answered = 0
    for person in (f"person-{number}" for number in range(0, 120, 10)):
        wanted = oracle.recommended(known, takers, person, 100, LEAST_SUPPORT)
        if not wanted:
            continue
        own, near = await routes.recommend(reading, asked(who, person))
        assert own == len(known[person])
        assert [(*each.route, each.support, each.people) for each in near] == [
            (*each.route, each.support, each.people) for each in wanted
        ]
        assert [each.score for each in near] == pytest.approx([each.score for each in wanted])
        assert not {each.route for each in near} & known[person]
        answered += 1
    assert answered > 5


@pytest.mark.long
@pytest.mark.parametrize(("who", "rides"), [(Who.RIDER, BY_HABIT), (Who.DRIVER, AT_RANDOM)])
async def test_the_hit_rate_is_that_of_held_out_rides(who: Who, rides: list[town.Ride], reading: AsyncClient) -> None:
    split = measure.split(who, **SPAN, cut=town.CUT.isoformat(), k=5, people=1000)
    found = await measure.measure(reading, split)

    wanted = oracle.rates(rides, town.BEGIN, town.CUT, town.END, 5)
    assert (found.people, found.answered, found.hits, found.popular_hits) == wanted
    # Where people have habits it is better than popularity; where they have none, nothing can be.
    assert (found.hit_rate > 1.5 * found.popular_hit_rate) is (who is Who.RIDER)


@pytest.mark.long
async def test_fewer_people_are_always_the_same_ones(reading: AsyncClient) -> None:
    split = measure.split(Who.RIDER, **SPAN, k=5, people=60)

    first, second = [await measure.measure(reading, split) for _ in range(2)]
    assert first == second
    assert first.people == 60


def first_with_two(rides: list[town.Ride]) -> tuple[str, datetime]:
    """Who took a second route first, and when that was over."""
    seen: dict[str, set[tuple[str, str]]] = {}
    for ride in sorted(rides, key=lambda ride: ride.at):
        own = seen.setdefault(ride.person, set())
        own.add((ride.origin, ride.target))
        if len(own) == 2:
            return ride.person, ride.at + timedelta(milliseconds=1)
    raise AssertionError


async def test_too_little_is_refused(reading: AsyncClient) -> None:
    known = oracle.taken(BY_HABIT, town.BEGIN, town.END)
    one = next(person for person, own in known.items() if len(own) == 1)
    for person, told in (("nobody", "0 of the 2"), (one, "1 of the 2")):
        with pytest.raises(QueryRefused, match=told) as refused:
            await routes.recommend(reading, asked(Who.RIDER, person))
        assert refused.value.code == "too_little_data"
    # In the first hours nobody shares a route with four others.
    early, at = first_with_two(BY_HABIT)
    with pytest.raises(QueryRefused, match="no other route was taken by 5"):
        await routes.recommend(reading, asked(Who.RIDER, early, at))
    with pytest.raises(QueryRefused, match="can be recommended to 0") as few:
        await measure.measure(reading, measure.split(Who.RIDER, **SPAN, cut=town.EARLY.isoformat()))
    assert few.value.code == "too_little_data"
    assert "20 are needed" in few.value.hint


@pytest.mark.parametrize("person", ["' OR 1=1 --", "{person:String}", "\\", "%"])
async def test_hostile_ids_are_inert(person: str, reading: AsyncClient) -> None:
    with pytest.raises(QueryRefused, match="0 of the 2"):
        await routes.recommend(reading, asked(Who.RIDER, person))


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ({"person": ""}, "bad_person"),
        ({"person": "a" * 501}, "bad_person"),
        ({"person": "a\x00"}, "bad_person"),
        ({"limit": 101}, "bad_limit"),
        ({"begin": "soon"}, "bad_time"),
    ],
)
def test_what_does_not_fit_is_refused(words: dict[str, Any], code: str) -> None:
    with pytest.raises(QueryRefused) as refused:
        routes.ask(Who.RIDER, **({"person": "ann"} | words))
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ({"cut": "2026-04-01"}, "bad_range"),
        ({"cut": "2026-06-01"}, "bad_cut"),
        ({"k": 0}, "bad_k"),
        ({"people": 5}, "bad_people"),
    ],
)
def test_a_split_that_does_not_fit_is_refused(words: dict[str, Any], code: str) -> None:
    with pytest.raises(QueryRefused) as refused:
        measure.split(Who.DRIVER, **(SPAN | words))
    assert refused.value.code == code


def test_three_quarters_are_learned_from_where_nothing_is_said() -> None:
    split = measure.split(Who.DRIVER, **SPAN)

    assert (split.begin, split.cut, split.end) == (town.BEGIN, town.CUT, town.END)
    assert RIDES.reporting_zone == split.zone.key
