"""A batch is judged once; a second delivery takes the record's opinion, whatever this version would think."""

from datetime import UTC, datetime

from agents.decode import decode
from agents.deduplicate import Memory
from agents.judge import Judged, Policy, follow, judge
from streams.batch import Chunk, Decoded, count_runs
from streams.intent import Intent
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
    first = judged()
    record = Intent(chain="c", seq=2, previous="p", nonce="n", ranges={}, verdict=first.verdict, version="9.9")
    again = follow({"rides.booking": [bookings()]}, record)
    assert again.accepted[0].offsets == first.accepted[0].offsets
    assert [(letter.record.offset, letter.reason) for letter in again.dead] == [
        (letter.record.offset, letter.reason) for letter in first.dead
    ]
    assert not again.unreadable


def test_a_record_that_thinks_otherwise_wins() -> None:
    verdict = {"rides.booking": {"invalid": [10, 1], "duplicate": [12, 1]}}
    record = Intent(chain="c", seq=2, previous="p", nonce="n", ranges={}, verdict=verdict, version="9.9")
    again = follow({"rides.booking": [bookings()]}, record)
    assert again.accepted[0].offsets == [11, 14, 15]
    assert [(letter.record.offset, letter.reason, letter.message) for letter in again.dead] == [
        (10, "invalid", "refused by version 9.9")
    ]
    assert again.unreadable == {"rides.booking": {13, 16}}
