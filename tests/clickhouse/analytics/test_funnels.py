"""Both paths of a funnel say what trying every way says, on journeys with ties; and what each word means."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from math import floor
from typing import Any

import pytest
from clickhouse_connect.driver.asyncclient import AsyncClient
from clickhouse_connect.driver.client import Client
from hypothesis import given
from hypothesis import strategies as st

from clickhouse.analytics import funnel, funnel_answer
from clickhouse.analytics.funnel import Path
from clickhouse.analytics.words import FunnelWords, PeopleWords
from tests.support import journeys as world
from tests.support.analytics_oracle import Asked, Done, Match, first_value, persons, took
from tests.support.journeys import BASE, DEVICES, TYPES, Drawn, drawn, drawn_journeys, of_type

pytestmark = pytest.mark.xdist_group("journeys")  # in one database
Group = list[list[Any]]
"""Of each step: people, and mean, median and 90th percentile of the seconds."""


@st.composite
def asked_funnels(draw: st.DrawFn, order: str) -> dict[str, Any]:
    """The words of a funnel, of which some steps are equal."""
    steps = draw(st.lists(st.sampled_from(TYPES[:4]), min_size=2, max_size=4, unique=draw(st.booleans())))
    begin = BASE + timedelta(milliseconds=draw(st.sampled_from(world.OFFSETS[:4])))
    end = begin + timedelta(milliseconds=draw(st.sampled_from([1, *world.OFFSETS[4:]])))
    words = {"domain": "ticketing", "from": begin.isoformat(), "to": end.isoformat(), "steps": steps, "order": order}
    others = [each for each in TYPES if each not in steps]
    exclude = [draw(st.sampled_from(others))] if order != "strict" and draw(st.integers(0, 2)) == 2 else []
    window = draw(st.sampled_from(["1s", "30m", "1h", "2h", "1d", "9d"]))
    return words | {"window": window, "exclude": exclude, "by": draw(st.sampled_from(["", "device_type"]))}


def truth(words: Mapping[str, Any], done: Sequence[Done]) -> dict[str, Group]:
    """By value, what trying every way says."""
    asked = funnel.ask(FunnelWords.model_validate(words))
    steps = [of_type(step) for step in words["steps"]]
    window = timedelta(milliseconds=asked.window)
    span, exclude = asked.span, of_type(*words["exclude"])
    known = Asked(steps, window, span.begin, span.end, words["order"], exclude)
    entry: Match = of_type(*words["steps"]) if words["order"] == "any" else steps[0]
    groups: dict[str, list[list[float]]] = {}
    for journey in persons(done).values():
        if times := took(known, journey):
            value = first_value(journey, entry, span.begin, span.end) if words["by"] else ""
            groups.setdefault(value, []).append([each.total_seconds() for each in times])
    if not words["by"]:
        groups.setdefault("", [])
    return {value: [_step(times, place) for place in range(len(steps))] for value, times in groups.items()}


def _step(times: Sequence[Sequence[float]], place: int) -> list[Any]:
    own = sorted(each[place] for each in times if len(each) > place)
    if not own:
        return [0, None, None, None]
    return [len(own), pytest.approx(sum(own) / len(own)), *(own[floor(share * len(own))] for share in (0.5, 0.9))]


def found(answer: Mapping[str, Any]) -> dict[str, Group]:
    """The same of an answer."""
    return {
        group["key"].get("device_type", ""): [
            [step["people"], *(step["seconds"].values() if step["seconds"] else [])] for step in group["steps"]
        ]
        for group in answer["groups"]
    }


async def hold(reader: AsyncClient, done: Sequence[Done], words: dict[str, Any]) -> None:
    """Ask by each path that can tell, and compare."""
    wanted = truth(words, done)
    timed = funnel.ask(FunnelWords.model_validate(words | {"times": True}))
    assert timed.path is Path.EXACT
    assert found(await funnel_answer.answer(reader, timed)) == wanted
    plain = funnel.ask(FunnelWords.model_validate(words))
    if plain.path is Path.FAST:  # else the fold is the same
        counts = {value: [step[:1] for step in steps] for value, steps in wanted.items()}
        for path in Path:
            assert found(await funnel_answer.answer(reader, plain, path)) == counts, path


@pytest.mark.parametrize("order", [each.value for each in funnel.Order])
@drawn(3)
@given(journeys=drawn_journeys, data=st.data())
async def test_both_paths_say_what_every_way_says(
    order: str, journeys: list[list[Drawn]], data: st.DataObject, journey_store: Client, journey_reader: AsyncClient
) -> None:
    done = world.events(journeys)
    world.load(journey_store, done)
    for _ in range(3):
        await hold(journey_reader, done, data.draw(asked_funnels(order)))


@pytest.mark.faults
@pytest.mark.parametrize("order", [each.value for each in funnel.Order])
@drawn(30)
@given(journeys=drawn_journeys, data=st.data())
async def test_and_so_on_many_journeys(
    order: str, journeys: list[list[Drawn]], data: st.DataObject, journey_store: Client, journey_reader: AsyncClient
) -> None:
    done = world.events(journeys)
    world.load(journey_store, done)
    for _ in range(6):
        await hold(journey_reader, done, data.draw(asked_funnels(order)))


V, C, P, S = "event.viewed", "checkout.started", "ticket.purchased", "event.searched"


@pytest.mark.parametrize(
    ("journey", "words", "level"),
    [
        # Whatever lies between, steps follow each other; what comes before its step is none.
        (f"{V}@0 {S}@1 {C}@2 {P}@3", {}, 3),
        (f"{C}@0 {V}@1 {P}@2", {}, 1),
        # A tie: of one moment either may have been the earlier, so the person comes as far as either way brings.
        (f"{C}@5 {V}@5 {P}@5", {}, 3),
        (f"{V}@0 {C}@0 {P}@9", {"order": "strict"}, 3),
        # One event is never two steps, not even of equal ones.
        (f"{V}@0", {"steps": [V, V]}, 1),
        (f"{V}@0 {V}@0 {C}@1", {"steps": [V, C, V]}, 2),
        (f"{V}@0 {C}@0 {V}@0", {"steps": [V, C, V]}, 3),
        # The window is closed: what lies at its very end is in it. It begins anew with a later first step.
        (f"{V}@0 {C}@60", {"window": "1h"}, 2),
        (f"{V}@0 {C}@60.001", {"window": "1h"}, 1),
        (f"{V}@0 {V}@50 {C}@70 {P}@100", {"window": "1h"}, 3),
        (f"{V}@0 {V}@60", {"steps": [V, V], "window": "1h"}, 2),
        (f"{V}@0 {V}@60.001", {"steps": [V, V], "window": "1h"}, 1),
        (f"{C}@0 {V}@60", {"window": "1h", "order": "any"}, 2),
        (f"{C}@0 {V}@60.001", {"window": "1h", "order": "any"}, 1),
        # Strict: nothing at all between, but anything before and after.
        (f"{S}@0 {V}@1 {S}@2 {V}@3 {C}@4 {P}@5 {S}@6", {"order": "strict"}, 3),
        (f"{V}@0 {S}@1 {C}@2", {"order": "strict"}, 1),
        (f"{V}@0 {S}@2 {C}@2 {P}@3", {"order": "strict"}, 2),
        # Any order: as many steps as lie within the window.
        (f"{P}@0 {C}@1 {V}@2", {"order": "any"}, 3),
        (f"{P}@0 {C}@50 {V}@100", {"order": "any", "window": "1h"}, 2),
        # What is excluded ends a way between its first step and the next one, but not at the very moment of either.
        (f"{V}@0 {S}@1 {C}@2", {"exclude": [S]}, 1),
        (f"{V}@0 {S}@0 {C}@2 {S}@2", {"exclude": [S]}, 2),
        (f"{V}@0 {C}@2 {S}@2 {P}@3", {"exclude": [S]}, 2),
        (f"{V}@0 {S}@1 {V}@2 {C}@3 {P}@4", {"exclude": [S]}, 3),
        (f"{C}@0 {S}@1 {V}@2 {P}@3", {"order": "any", "exclude": [S]}, 2),
        (f"{V}@0 {S}@0 {V}@1", {"steps": [V, V], "exclude": [S]}, 2),
        (f"{V}@0 {S}@1 {V}@2", {"steps": [V, V], "exclude": [S]}, 1),
        # Who begins after the time is not in it; who began may come further after it.
        (f"{V}@0 {C}@200 {P}@300", {"to": (BASE + timedelta(hours=1)).isoformat()}, 3),
        (f"{V}@60 {C}@200 {P}@300", {"to": (BASE + timedelta(hours=1)).isoformat()}, 0),
        (f"{C}@70 {V}@80", {"to": (BASE + timedelta(hours=1)).isoformat(), "order": "any"}, 0),
        (f"{C}@0 {V}@60", {"to": (BASE + timedelta(hours=1)).isoformat(), "order": "any"}, 2),
    ],
)
async def test_a_word_means_this(
    journey: str, words: dict[str, Any], level: int, journey_store: Client, journey_reader: AsyncClient
) -> None:
    end = (BASE + timedelta(days=2)).isoformat()
    asked = {"domain": "ticketing", "from": BASE.isoformat(), "to": end, "steps": [V, C, P], "window": "1d"} | words
    asked = {"exclude": [], "by": "", "order": "ordered"} | asked
    done = world.told(journey)
    world.load(journey_store, done)

    wanted = [[float(level > place)] for place in range(len(asked["steps"]))]
    plain = funnel.ask(FunnelWords.model_validate(asked))
    for path in {plain.path, Path.EXACT}:
        assert found(await funnel_answer.answer(journey_reader, plain, path)) == {"": wanted}
    assert [step[0] for step in truth(asked, done)[""]] == [each[0] for each in wanted]


async def test_ids_of_people_come_page_by_page(journey_store: Client, journey_reader: AsyncClient) -> None:
    done = [
        each
        for number in range(7)
        for each in world.told(f"{V}@0 {C}@{number}" if number % 2 else f"{V}@0 {C}@1 {P}@2", f"p{number}")
    ]
    world.load(journey_store, done)
    end = (BASE + timedelta(days=2)).isoformat()
    asked = {"domain": "ticketing", "from": BASE.isoformat(), "to": end, "steps": [V, C, P], "step": 2, "limit": 2}
    for exact in (False, True):
        for state, wanted in (("left", ["p1", "p3", "p5"]), ("reached", [f"p{number}" for number in range(7)])):
            seen: list[str] = []
            after: str | None = ""
            while after is not None:
                words = PeopleWords.model_validate(asked | {"state": state, "after": after, "exact": exact})
                page = await funnel_answer.people(journey_reader, funnel.ask(words), words)
                seen += page["people"]
                after = page["next_after"]
            assert seen == wanted
            assert page["path"] == ("exact" if exact else "fast")


async def test_of_many_values_those_with_most_people_come(journey_store: Client, journey_reader: AsyncClient) -> None:
    done = [Done(f"p{n}", BASE, V, DEVICES[n > 2]) for n in range(9)]
    world.load(journey_store, done)
    end = (BASE + timedelta(days=2)).isoformat()
    asked = {"domain": "ticketing", "from": BASE.isoformat(), "to": end, "steps": [V, P], "by": "device_type"}
    answers = [
        await funnel_answer.answer(journey_reader, funnel.ask(FunnelWords.model_validate(asked | {"limit": limit})))
        for limit in (1, 2)
    ]

    assert [found(each) for each in answers] == [{"mobile": [[6], [0]]}, {"mobile": [[6], [0]], "desktop": [[3], [0]]}]
    assert [each["has_more"] for each in answers] == [True, False]


@pytest.mark.parametrize("exact", [False, True])
async def test_the_first_event_tells_the_value_and_of_one_moment_the_least(
    exact: bool, journey_store: Client, journey_reader: AsyncClient
) -> None:
    desktop, mobile = DEVICES
    later = BASE + timedelta(milliseconds=1)
    done = [Done("ann", BASE, V, mobile), Done("ann", later, V, desktop)]
    done += [Done("bob", BASE, V, mobile), Done("bob", BASE, V, desktop), Done("bob", BASE, P, mobile)]
    world.load(journey_store, done)
    end = (BASE + timedelta(days=2)).isoformat()
    asked = {"domain": "ticketing", "from": BASE.isoformat(), "to": end, "steps": [V, P], "by": "device_type"}
    words = FunnelWords.model_validate(asked | {"exact": exact})

    answer = await funnel_answer.answer(journey_reader, funnel.ask(words))
    assert found(answer) == {mobile: [[1], [0]], desktop: [[1], [1]]}
