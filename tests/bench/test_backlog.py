"""The truth of a backlog is what the job makes of it, taken by batches and by the record."""

import time
from collections import Counter, defaultdict

import pytest

from bench.peers.backlog import AGE, CLOSING, Backlog, Truth
from bench.peers.job import GRACE, Batch, Job, Refused, Tp, minute_of, type_of
from bench.world import Message
from streams.topics import partition_of

COUNT = 3000
PARTITIONS = 2


@pytest.fixture
def backlog() -> Backlog:
    """Events of the time before now: what is judged by the clock must be in the past."""
    return Backlog(time.time() - AGE, partitions=PARTITIONS)


def by_partition(messages: list[Message]) -> dict[Tp, list[bytes]]:
    """Values in the order of their offsets."""
    found: defaultdict[Tp, list[bytes]] = defaultdict(list)
    for topic, key, value in messages:
        found[topic, partition_of(key, PARTITIONS)].append(value)
    return found


def worked(messages: list[Message], job: Job, chunk: int) -> Batch:
    """Everything in one batch, taken chunk by chunk."""
    batch = Batch()
    for (topic, partition), values in by_partition(messages).items():
        for first in range(0, len(values), chunk):
            part = values[first : first + chunk]
            offsets = range(first, first + len(part))
            job.take(batch, topic, partition, offsets, [0] * len(part), part)
    return batch


def types(batch: Batch) -> Counter[str]:
    """Accepted events by type."""
    return Counter(type_of(event) for part in batch.parts.values() for event in part.events)


def minutes(batch: Batch, job: Job, truth: Truth) -> Counter[tuple[int, str]]:
    """Counts of the windows that the truth speaks of."""
    known = {minute for minute, _ in truth.minutes}
    found: Counter[tuple[int, str]] = Counter()
    for (minute, kind, _), events in job.minutes(batch).items():
        if minute in known:
            found[minute, kind] += events
    return found


def test_the_job_makes_of_a_backlog_what_its_truth_says(backlog: Backlog) -> None:
    job, messages = Job(), [*backlog.phase(0, COUNT), *backlog.phase(1, COUNT)]
    truth = backlog.truth
    assert truth.sent == len(messages) > 2 * COUNT
    assert sum(truth.dead.values()) == 2 * COUNT // 1000
    batch = worked(messages, job, chunk=700)
    assert types(batch) == truth.rows
    assert Counter(refused.reason for refused in batch.refused) == truth.dead
    assert minutes(batch, job, truth) == truth.minutes
    rows = sum(len(part.offsets) for part in batch.parts.values())
    assert rows == batch.rows == sum(truth.rows.values()) == truth.sent - sum(truth.dead.values()) - 2 * COUNT // 200
    blocks = job.blocks(batch)
    assert {block.table for block in blocks} == {"events", "events_raw"}


def test_an_engine_that_goes_by_the_record_gets_the_same(backlog: Backlog) -> None:
    job, messages = Job(), list(backlog.phase(0, COUNT))
    batch, refused = Batch(), Counter[str]()
    counted: Counter[tuple[int, str]] = Counter()
    for (topic, partition), values in by_partition(messages).items():
        for offset, value in enumerate(values):
            found = job.one(topic, partition, offset, value)
            if isinstance(found, Refused):
                refused[found.reason] += 1
            elif found is not None:
                batch.add(topic, partition, offset, 0, found)
                counted[minute_of(found), type_of(found)] += 1
    truth = backlog.truth
    assert types(batch) == truth.rows
    assert refused == truth.dead
    assert minutes(batch, job, truth) == truth.minutes
    assert Counter({key: counted[key] for key in truth.minutes}) == truth.minutes


def test_windows_are_open_until_later_events_of_their_type_and_partition_close_them(backlog: Backlog) -> None:
    list(backlog.phase(0, COUNT))
    first = backlog.truth
    begun = min(minute for minute, _ in first.minutes)
    assert max(minute for minute, _ in first.minutes) + 60 + GRACE.total_seconds() < begun + CLOSING
    closing = [value for *_, value in backlog.phase(1, COUNT) if b'"closing-1-' in value]
    second = backlog.truth
    assert len(second.rows) < len(closing) <= PARTITIONS * len(second.rows)
    assert sum(second.minutes.values()) + len(closing) == sum(second.rows.values())


def test_a_record_fetched_again_is_no_repeat(backlog: Backlog) -> None:
    job, messages = Job(), list(backlog.phase(0, 500))
    again = Batch()
    first = worked(messages, job, chunk=100)
    for (topic, partition), values in by_partition(messages).items():
        job.take(again, topic, partition, range(len(values)), [0] * len(values), values)
    assert types(again) == types(first)
