"""Events of an erased person are left out before anything else is said of them, and the record of a batch decides."""

import json
import time
from dataclasses import replace

import pytest
from pydantic import SecretStr

from agents.decode import decode
from agents.deduplicate import Memory
from agents.judge import SUPPRESSED, Judged, Policy, follow, judge
from agents.suppress import Suppressed
from clickhouse.suppressions import Suppressions
from streams.batch import Chunk, Decoded, from_runs
from streams.intent import Intent
from streams.persons import Pseudonyms
from streams.settings import Settings
from tests.support.feed import pipeline, produce
from tests.support.records import Line
from tests.support.store import Answers, exactly
from tests.support.waiting import eventually
from tests.support.wire import event, mixed

KEY = "a key for tests only"
SOMEONE = "person-7"
POLICY = Policy(skew_seconds=300, cold_days=730, sample_rate=0.2)


async def listed(ask: Answers, person: str, domain: str = "", key: str = KEY) -> None:
    """Put a person on the list, as `millrace forget` does."""
    names = Pseudonyms(key)
    await ask.client.command(
        "INSERT INTO suppressions (pseudonym, domain, key) SELECT {p:String}, {d:String}, {k:String}",
        parameters={"p": names.of(person, domain), "d": domain, "k": names.fingerprint},
        settings={"async_insert": 0},
    )


@pytest.fixture
async def suppressed(ask: Answers) -> Suppressed:
    """The list, with SOMEONE on it, as a worker has read it."""
    await listed(ask, SOMEONE)
    made = Suppressed(Suppressions(ask.client), Pseudonyms(KEY))
    assert await made.look() is None
    return made


def bookings() -> Decoded:
    """SOMEONE's and another's: good ones, one too old, one from the future, one that cannot be read."""
    values = [
        event("booking.created", n, ago=ago, user_id=who)[1]
        for n, (who, ago) in enumerate([(SOMEONE, 0), ("person-77", 0), (SOMEONE, 8e7), (SOMEONE, -900), ("x", 8e7)])
    ]
    lines = [Line(10 + n, value=value) for n, value in enumerate([*values, values[0], b"{", b"{"])]
    lines[-2] = Line(lines[-2].offset, value=b"{", key=SOMEONE.encode())
    return decode(Chunk("rides.booking", 0, 10, 10 + len(lines), lines), 1_000_000)


def opinion(suppressed: Suppressed) -> Judged:
    policy = replace(POLICY, suppressed=suppressed)
    return judge({"rides.booking": [bookings()]}, policy, int(time.time() * 1000), Memory(100).draft())


async def test_whatever_is_of_the_person_is_left_out(suppressed: Suppressed) -> None:
    found = opinion(suppressed)

    assert list(from_runs(found.verdict["rides.booking"][SUPPRESSED])) == [10, 12, 13, 15, 16]
    assert found.accepted[0].offsets == [11]
    assert [(letter.record.offset, letter.reason) for letter in found.dead] == [(14, "too_old"), (17, "malformed")]
    assert found.left_out == {("booking.created", SUPPRESSED): 4, ("unknown", SUPPRESSED): 1}


async def test_a_second_delivery_follows_the_record_not_the_list(suppressed: Suppressed, ask: Answers) -> None:
    first = opinion(suppressed)
    record = Intent(chain="c", seq=2, previous="p", nonce="n", ranges={}, verdict=first.verdict, version="9.9")

    again = follow({"rides.booking": [bookings()]}, record, POLICY)

    assert again.accepted[0].offsets == [11]
    assert [letter.record.offset for letter in again.dead] == [14, 17]
    assert again.left_out == first.left_out
    before = Intent(chain="c", seq=2, previous="p", nonce="n", ranges={}, verdict={}, version="9.9")
    assert 10 in follow({"rides.booking": [bookings()]}, before, POLICY).accepted[0].offsets


async def test_a_driver_is_a_person_and_a_domain_is_its_own(ask: Answers) -> None:
    await listed(ask, SOMEONE, "rides")
    made = Suppressed(Suppressions(ask.client), Pseudonyms(KEY))
    await made.look()
    [ping] = decode(_chunk("rides.location", event("driver.location.updated", 1, driver_id=SOMEONE)[1]), 10**6).events
    [view] = decode(_chunk("ticketing.pages", event("page.viewed", 1, user_id=SOMEONE)[1]), 10**6).events

    assert made.indexes([ping], "rides") == {0}
    assert made.indexes([view], "ticketing") == set()


async def test_without_the_right_key_nothing_is_judged(ask: Answers) -> None:
    none, other = (Suppressed(Suppressions(ask.client), key) for key in (None, Pseudonyms("another key for tests")))
    assert await none.look() is None
    assert await other.look() is None
    await listed(ask, SOMEONE)

    assert "ERASURE_KEY is not set" in str(await none.look())
    assert "under another ERASURE_KEY" in str(await other.look())


@pytest.mark.slow
async def test_a_worker_drops_and_counts_them_and_a_crash_brings_none_back(ready: Settings, ask: Answers) -> None:
    own = ready.model_copy(update={"erasure_key": SecretStr(KEY)})
    await listed(ask, SOMEONE)
    theirs = [("rides.booking", 0, event("booking.created", n, user_id=SOMEONE)[1]) for n in range(900, 930)]
    await produce(own, [*mixed(40, partitions=1), *theirs])
    async with pipeline(own, [0]) as worker:
        await exactly(ask, 40)
        await eventually("their records are taken", lambda: _taken(ask, worker.shards[0].settled))
        worker.crash()
    async with pipeline(own, [0]):
        await produce(own, [*theirs, *mixed(10, first=700, partitions=1)])
        await exactly(ask, 50)
    assert await ask.count("events_raw", f"user_id = '{SOMEONE}'") == 0
    assert await ask.count("dead_letters") == 0


async def _taken(ask: Answers, settled: int) -> bool:
    return settled > 1 or bool(await ask.count("events_raw"))


def _chunk(topic: str, value: bytes) -> Chunk:
    assert json.loads(value)
    return Chunk(topic, 0, 10, 11, [Line(10, value=value)])
