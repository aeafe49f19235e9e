"""A batch is judged once; a second delivery takes the record's opinion, whatever this version would think."""

import re
from datetime import UTC, datetime

from agents.dead_letter import headers
from agents.decode import decode
from agents.deduplicate import Memory
from agents.judge import Judged, Policy, follow, judge
from streams.batch import Chunk, Decoded, count_runs
from streams.events import registry
from streams.intent import Intent, Verdict
from tests.support.records import Line
from tests.support.wire import event

POLICY = Policy(skew_seconds=300, cold_days=730, sample_rate=0.2)


def now() -> int:
    """Milliseconds since 1970: asked for when a test runs, long after the module was imported."""
    return int(datetime.now(UTC).timestamp() * 1000)


def chunk(topic: str, *values: bytes | None) -> Decoded:
    """These values as they stand from offset 10 on."""
    lines = [Line(10 + n, value=value) for n, value in enumerate(values)]
    return decode(Chunk(topic, 0, 10, 10 + len(lines), lines), 1_000_000)


def bookings() -> Decoded:
    """Two good ones, one of them twice, one from the future, one from long ago, one that is no event."""
    good = [event("booking.created", n)[1] for n in (1, 2)]
    early, old = event("booking.created", 3, ago=-600)[1], event("booking.created", 4, ago=800 * 86400)[1]
    return chunk("rides.booking", good[0], early, good[1], b"{", old, good[0], None)


def judged(*, memory: Memory | None = None) -> Judged:
    """The opinion on them."""
    return judge({"rides.booking": [bookings()], "rides.trip": []}, POLICY, now(), (memory or Memory(100)).draft())


def record_of(verdict: Verdict, at: int) -> Intent:
    """What another version wrote of a batch."""
    ranges = {"rides.booking": (10, 17)}
    return Intent(
        chain="c", seq=2, previous="p", nonce="n", ranges=ranges, verdict=verdict, version="9.9", ingested_at=at
    )


def test_every_record_has_one_fate() -> None:
    found = judged()
    assert [(part.topic, part.offsets) for part in found.accepted] == [("rides.booking", [10, 12])]
    assert [(letter.record.offset, letter.reason) for letter in found.dead] == [
        (11, "in_future"),
        (13, "malformed"),
        (14, "too_old"),
        (16, "malformed"),
    ]
    words = {word: runs for word, runs in found.verdict["rides.booking"].items() if runs}
    assert words == {"in_future": [11, 1], "malformed": [13, 1, 16, 1], "too_old": [14, 1], "duplicate": [15, 1]}
    assert found.left_out == {("booking.created", "duplicate"): 1}
    assert found.records == 6


def test_a_batch_enters_the_memory_only_when_its_intent_is_valid() -> None:
    memory = Memory(100)
    draft = memory.draft()
    judge({"rides.booking": [bookings()]}, POLICY, now(), draft)
    assert judged(memory=memory).accepted[0].offsets == [10, 12]
    draft.enter(now() / 1000)
    later = chunk("rides.booking", event("booking.created", 1)[1])
    later.chunk.records[0].offset = 99  # type: ignore[misc]
    again = judge({"rides.booking": [later]}, POLICY, now(), memory.draft())
    assert again.accepted[0].offsets == []


def test_pings_are_sampled_and_counted() -> None:
    pings = [event("driver.location.updated", n, driver_id=f"driver-{n}")[1] for n in range(200)]
    found = judge({"rides.location": [chunk("rides.location", *pings)]}, POLICY, now(), Memory(1000).draft())
    out = count_runs(found.verdict["rides.location"]["sampled_out"])
    assert 120 < out < 190
    assert len(found.accepted[0].offsets) == 200 - out


def test_a_second_delivery_follows_the_record() -> None:
    at, decoded = now(), {"rides.booking": [bookings()]}
    first = judge(decoded, POLICY, at, Memory(100).draft())
    again = follow(decoded, record_of(first.verdict, at), POLICY)
    assert again.accepted[0].offsets == first.accepted[0].offsets
    assert again.dead == first.dead
    assert again.left_out == first.left_out
    assert not again.unreadable


def test_the_words_of_a_refusal_name_the_limit() -> None:
    early, old = (letter.message for letter in judged().dead if letter.field == "time")
    assert re.fullmatch(r"the event time is \S+, more than 300 s ahead of its ingestion at \S+", early)
    assert re.fullmatch(r"the event time is \S+, before \S+, where cold storage ended at its ingestion", old)


def test_a_letter_has_the_schema_version_of_its_type() -> None:
    wrong = event("booking.created", 1, seats=-5)[1]
    trip = event("trip.started", 2)[1]
    early = event("booking.created", 3, ago=-600)[1]
    nameless = wrong.replace(b'"source"', b'"sauce"')
    unknown = wrong.replace(b"booking.created", b"booking.dreamt")
    records = {"rides.booking": [chunk("rides.booking", wrong, trip, early, nameless, unknown, b"{")]}
    found = judge(records, POLICY, now(), Memory(100).draft())
    version = registry.events["booking.created"].version
    assert [(letter.reason, letter.schema_version) for letter in found.dead] == [
        ("invalid", version),
        ("wrong_topic", version),
        ("in_future", version),
        ("malformed", version),
        ("unknown_type", None),
        ("malformed", None),
    ]
    told = [dict(headers(letter, record_of({}, now())))["millrace-schema-version"] for letter in found.dead]
    assert told == [b"%d" % version] * 4 + [b""] * 2


def test_a_record_that_thinks_otherwise_wins() -> None:
    verdict = {"rides.booking": {"invalid": [10, 1], "refused": [11, 1], "too_old": [12, 1]}}
    again = follow({"rides.booking": [bookings()]}, record_of(verdict, now()), POLICY)
    assert again.accepted[0].offsets == [14, 15]
    told = [(letter.record.offset, letter.reason, letter.field, letter.message) for letter in again.dead]
    assert told[:2] == [
        (10, "invalid", "", "refused by version 9.9, which this version would not have done"),
        (11, "refused", "", "ClickHouse refused the row; its words were lost with the worker that heard them"),
    ]
    # The other version kept events less long: the words are of the event all the same.
    offset, reason, field, message = told[2]
    assert (offset, reason, field) == (12, "too_old", "time")
    assert re.fullmatch(r"the event time is \S+, and it was ingested at \S+", message)
    assert again.unreadable == {"rides.booking": {13, 16}}
