"""Retention, cohorts and paths say what plain Python says, in three zones, over a change of the clocks, with ties."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from clickhouse_connect.driver.asyncclient import AsyncClient
from clickhouse_connect.driver.client import Client
from hypothesis import given
from hypothesis import strategies as st

from clickhouse.analytics import paths, returning, returning_answer
from clickhouse.analytics.words import CohortWords, PathWords, RetentionWords
from tests.support import analytics_oracle as oracle
from tests.support import journeys as world
from tests.support.analytics_oracle import Done, persons
from tests.support.journeys import BASE, PAID, TYPES, ZONES, Drawn, drawn, drawn_journeys, of_type

pytestmark = pytest.mark.xdist_group("journeys")  # in one database
Told = dict[tuple[str, date, int], Any]
"""By value, first day of the cohort and period; -1 is all of it."""


@st.composite
def spans(draw: st.DrawFn) -> dict[str, Any]:
    """The words of a time."""
    begin = BASE + timedelta(milliseconds=draw(st.sampled_from(world.OFFSETS[:4])))
    end = begin + timedelta(milliseconds=draw(st.sampled_from([1, *world.OFFSETS[4:]])))
    zone = draw(st.sampled_from(ZONES))
    return {"domain": "ticketing", "from": begin.isoformat(), "to": end.isoformat(), "zone": zone}


@st.composite
def returns(draw: st.DrawFn) -> dict[str, Any]:
    """What questions about retention and cohorts share."""
    return draw(spans()) | {
        "start": draw(st.sampled_from(TYPES)),
        "granularity": draw(st.sampled_from(["day", "day", "week", "month"])),
        "periods": draw(st.integers(1, 4)),
        "by": draw(st.sampled_from(["", "device_type"])),
    }


class Oracle:
    """Plain Python's answer to such a question."""

    def __init__(self, words: Mapping[str, Any], done: Sequence[Done]) -> None:
        self.words = words
        self.persons = persons(done)
        self.begin, self.end = (datetime.fromisoformat(words[name]) for name in ("from", "to"))
        self.start = of_type(words["start"])

    def cut(self, at: datetime) -> date:
        """The first day of a moment's period."""
        return oracle.period(at, self.words["granularity"], ZoneInfo(self.words["zone"]))

    def retention(self, back: str, kind: str, rolling: bool) -> Told:
        """People by cohort and period."""
        counts: Counter[tuple[str, date, int]] = Counter()
        for journey in self.persons.values():
            for day, first in oracle.beginnings(journey, self.start, self.begin, self.end, kind, self.cut).items():
                count, length = self.words["periods"], self.words["granularity"]
                came = oracle.returned(journey, first, of_type(back), count, length, self.cut)
                if rolling and came:
                    came = {*range(max(came) + 1)}
                counts.update((self._value(journey), day, offset) for offset in (-1, *came))
        return dict(counts)

    def cohorts(self) -> Told:
        """People, events and sums by currency."""
        found: Told = {}
        for journey in self.persons.values():
            for day, first in oracle.beginnings(journey, self.start, self.begin, self.end, "first", self.cut).items():
                key = (self._value(journey), day)
                found.setdefault((*key, -1), [0])[0] += 1
                for offset in range(self.words["periods"] + 1):
                    at = oracle.later(day, self.words["granularity"], offset)
                    own = [e for e in journey if e.type == PAID and e.at >= first.at and self.cut(e.at) == at]
                    if own:
                        line = found.setdefault((*key, offset), [0, 0, {}])
                        line[0] += 1
                        line[1] += len(own)
                        for each in own:
                            line[2][each.currency] = line[2].get(each.currency, 0) + each.amount
        return found

    def _value(self, journey: Sequence[Done]) -> str:
        return oracle.first_value(journey, self.start, self.begin, self.end) if self.words["by"] else ""


def shown(answer: Mapping[str, Any], line: Any) -> Told:
    """An answer in the same form; periods without people are left out."""
    found: Told = {}
    for cohort in answer["cohorts"]:
        key = (cohort["key"].get("device_type", ""), datetime.fromisoformat(cohort["start"]).date())
        found[*key, -1] = cohort["people"]
        found |= {(*key, each["period"]): line(each) for each in cohort["periods"] if each["people"]}
    return found


async def hold_retention(reader: AsyncClient, done: Sequence[Done], words: dict[str, Any]) -> None:
    """Ask, and compare."""
    asked = returning.ask_retention(RetentionWords.model_validate(words))
    answer = await returning_answer.retention(reader, asked)
    wanted = Oracle(words, done).retention(words["back"], words["kind"], words["rolling"])
    assert shown(answer, lambda each: each["people"]) == wanted


async def hold_cohorts(reader: AsyncClient, done: Sequence[Done], words: dict[str, Any]) -> None:
    """Ask, and compare."""
    asked = returning.ask_cohorts(CohortWords.model_validate(words | {"doing": PAID, "sum": "amount"}))
    answer = await returning_answer.cohorts(reader, asked)
    told = shown(
        answer, lambda e: [e["people"], e["events"], {name: Decimal(sum_) for name, sum_ in e["sums"].items()}]
    )
    wanted = Oracle(words, done).cohorts()
    assert told == {key: line[0] if key[2] < 0 else line for key, line in wanted.items()}


async def hold_paths(reader: AsyncClient, done: Sequence[Done], words: dict[str, Any]) -> None:
    """Ask, and compare."""
    asked = paths.ask(PathWords.model_validate(words | {"limit": 1000}))
    answer = await paths.answer(reader, asked)
    begin, end = (datetime.fromisoformat(words[name]) for name in ("from", "to"))
    window, is_before = timedelta(milliseconds=asked.window), words["direction"] == "before"
    anchor, left_out = of_type(words["anchor"]), words["leave_out"]
    ways = [
        oracle.path(journey, anchor, begin, end, window, words["depth"], is_before, words["repeats"], left_out)
        for journey in persons(done).values()
    ]
    wanted = Counter(tuple(way) for way in ways if way is not None)
    assert {tuple(each["events"]): each["people"] for each in answer["paths"]} == wanted
    assert answer["people"] == wanted.total()


@st.composite
def asked_paths(draw: st.DrawFn) -> dict[str, Any]:
    """The words of a question about paths."""
    anchor = draw(st.sampled_from(TYPES))
    others = st.sampled_from([each for each in TYPES if each != anchor])
    return draw(spans()) | {
        "anchor": anchor,
        "direction": draw(st.sampled_from(["after", "before"])),
        "window": draw(st.sampled_from(["1s", "30m", "2h", "3d"])),
        "depth": draw(st.integers(2, 4)),
        "repeats": draw(st.booleans()),
        "leave_out": draw(st.lists(others, max_size=1)),
    }


async def hold_all(reader: AsyncClient, done: Sequence[Done], data: st.DataObject) -> None:
    """One question of each kind."""
    words = data.draw(returns())
    back = data.draw(st.sampled_from([words["start"], *TYPES]))
    kind = data.draw(st.sampled_from(["first", "recurring"]))
    await hold_retention(reader, done, words | {"back": back, "kind": kind, "rolling": data.draw(st.booleans())})
    await hold_cohorts(reader, done, data.draw(returns()))
    await hold_paths(reader, done, data.draw(asked_paths()))


@drawn(5)
@given(journeys=drawn_journeys, data=st.data())
async def test_they_say_what_plain_python_says(
    journeys: list[list[Drawn]], data: st.DataObject, journey_store: Client, journey_reader: AsyncClient
) -> None:
    done = world.events(journeys)
    world.load(journey_store, done)
    for _ in range(2):
        await hold_all(journey_reader, done, data)


@pytest.mark.faults
@drawn(40)
@given(journeys=drawn_journeys, data=st.data())
async def test_and_so_on_many_journeys(
    journeys: list[list[Drawn]], data: st.DataObject, journey_store: Client, journey_reader: AsyncClient
) -> None:
    done = world.events(journeys)
    world.load(journey_store, done)
    for _ in range(6):
        await hold_all(journey_reader, done, data)


V, P = "page.viewed", PAID
NOON = world.NOON
"""At noon of the day on which the clocks of New York change."""


@pytest.mark.parametrize(
    ("hours", "words", "people"),
    [
        ([-11.9, 10.9], {}, {0: 1}),
        ([-11.9, 12.9], {"zone": "UTC"}, {1: 1}),
        # The day has 25 hours, so that 24 hours later it is still the same day; or 23, and it is two days on.
        ([-12.5, 11.5], {"from": f"{NOON.date() - timedelta(days=1)}"}, {2: 1} if world.IS_SPRING else {0: 1}),
        # The start itself is no return, another event of the same moment is; what lies before it is none.
        ([0], {}, {}),
        ([0, 0], {}, {0: 1}),
        # Who came back on the second day came, rolling, on every day before.
        ([0, 48], {"rolling": True}, {0: 1, 1: 1, 2: 1}),
        ([0, 48], {}, {2: 1}),
        # Recurring: a person is counted on each day with a start.
        ([0, 24, 48], {"kind": "recurring"}, {1: 2, 2: 1}),
        ([0, 24, 48], {}, {1: 1, 2: 1}),
        # First of all: who had begun before the time does not begin in it.
        ([-72, 0, 24], {}, {}),
        ([-72, 0, 24], {"kind": "recurring"}, {1: 1}),
    ],
)
async def test_a_word_of_retention_means_this(
    hours: list[float],
    words: dict[str, Any],
    people: dict[int, int],
    journey_store: Client,
    journey_reader: AsyncClient,
) -> None:
    world.load(journey_store, [Done("ann", NOON + timedelta(hours=each), V) for each in hours])
    day = NOON.date()
    asked = {"domain": "ticketing", "zone": "America/New_York", "start": V, "periods": 2} | {
        "from": str(day),
        "to": str(day + timedelta(days=3)),
    }
    answer = await returning_answer.retention(
        journey_reader, returning.ask_retention(RetentionWords.model_validate(asked | words))
    )

    found: Counter[int] = Counter()
    for cohort in answer["cohorts"]:
        found.update({each["period"]: each["people"] for each in cohort["periods"] if each["people"]})
    assert found == people


async def test_a_period_that_goes_on_is_not_complete(journey_store: Client, journey_reader: AsyncClient) -> None:
    world.load(journey_store, [Done("ann", NOON, V)])
    asked = returning.ask_retention(
        RetentionWords.model_validate({"domain": "ticketing", "from": str(NOON.date()), "start": V, "periods": 60})
    )
    answer = await returning_answer.retention(journey_reader, asked)

    (cohort,) = answer["cohorts"]
    as_of = datetime.fromisoformat(answer["as_of"])
    ends = [datetime.fromisoformat(each["end"]) for each in cohort["periods"]]
    assert [each["complete"] for each in cohort["periods"]] == [end <= as_of for end in ends]
    assert len(ends) == 61


async def test_who_did_it_twice_is_one_person(journey_store: Client, journey_reader: AsyncClient) -> None:
    paid = [(1, Decimal(5), "EUR"), (2, Decimal(7), "USD"), (3, Decimal(1), "EUR")]
    bought = [Done("ann", NOON + timedelta(hours=hours), PAID, "", amount, name) for hours, amount, name in paid]
    world.load(journey_store, [Done("ann", NOON, V), *bought])
    asked = {"domain": "ticketing", "zone": "UTC", "from": str(NOON.date()), "start": V, "periods": 1}
    words = CohortWords.model_validate(
        asked | {"to": str(NOON.date() + timedelta(days=1)), "doing": P, "sum": "amount"}
    )

    (cohort,) = (await returning_answer.cohorts(journey_reader, returning.ask_cohorts(words)))["cohorts"]

    first, second = cohort["periods"]
    assert (cohort["people"], first["people"], first["events"]) == (1, 1, 3)
    assert {name: Decimal(amount) for name, amount in first["sums"].items()} == {"EUR": 6, "USD": 7}
    assert (second["people"], second["events"], second["sums"]) == (0, 0, {})


@pytest.mark.parametrize(
    ("direction", "path"),
    [
        ("after", ["event.viewed", "checkout.started", "page.viewed"]),
        ("before", ["checkout.started", "page.viewed", "event.viewed"]),
    ],
)
async def test_what_happened_with_the_anchor_stands_beside_it(
    direction: str, path: list[str], journey_store: Client, journey_reader: AsyncClient
) -> None:
    world.load(journey_store, [Done("ann", NOON, kind) for kind in (V, "event.viewed", "checkout.started")])
    asked = {"domain": "ticketing", "from": NOON.isoformat(), "anchor": "event.viewed", "direction": direction}
    words = PathWords.model_validate(asked | {"to": (NOON + timedelta(hours=1)).isoformat()})

    answer = await paths.answer(journey_reader, paths.ask(words))

    assert [each["events"] for each in answer["paths"]] == [path]
