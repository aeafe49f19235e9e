"""Bytewax, batch by batch: chunks of records are gathered, worked off at once, and their counts folded by minute.

Its recovery store has the offsets and the open windows: after a kill it goes on from the last snapshot.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from operator import add
from pathlib import Path
from typing import Any, NamedTuple

import bytewax.operators as op
import bytewax.operators.windowing as win
from bytewax.connectors.kafka import KafkaSink, KafkaSinkMessage, KafkaSource, KafkaSourceMessage
from bytewax.dataflow import Dataflow
from bytewax.operators.windowing import EventClock, TumblingWindower
from bytewax.outputs import DynamicSink, StatelessSinkPartition
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.run import cli_main

from bench.peers import place as places
from bench.peers.job import BATCH_SECONDS, GRACE, MINUTE, REASON, Batch, Job, Line, Tp, settle
from bench.peers.place import Place
from bench.peers.plain import stages
from bench.peers.store import Store
from streams.topics import source_topics

CHUNK = 5000
"""Records of one poll of a partition at most."""
CHUNKS = 20
"""Chunks of a batch at most; most are smaller than they may be."""
SNAPSHOT_SECONDS = 10
"""How often a snapshot is taken: Bytewax's own default."""
ALIGN = datetime(1970, 1, 1, tzinfo=UTC)


class Chunk(NamedTuple):
    """Records of one topic partition, as a snapshot can hold them."""

    topic: str
    partition: int
    offsets: list[int]
    stamps: list[int]
    values: list[Any]


class Sink(DynamicSink):
    """Writes items by one of the store's ways."""

    def __init__(self, place: Place, job: Job, way: str) -> None:
        self._place = place
        self._job = job
        self._way = way

    def build(self, step_id: str, worker_index: int, worker_count: int) -> StatelessSinkPartition:
        """One connection a worker."""
        store = Store(self._place)
        return Rows(store, self._job) if self._way == "rows" else Lines(store)


class Rows(StatelessSinkPartition):
    """Inserts batches."""

    def __init__(self, store: Store, job: Job) -> None:
        self._store = store
        self._job = job

    def write_batch(self, items: list[Batch]) -> None:
        """One insert a table and batch."""
        for batch in items:
            self._store.insert(self._job.blocks(batch))


class Lines(StatelessSinkPartition):
    """Inserts counts of closed windows."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def write_batch(self, items: list[Line]) -> None:
        """All that closed at once together."""
        self._store.count(items)


def chunks(messages: list[KafkaSourceMessage]) -> Iterable[tuple[str, Chunk]]:
    """The messages of one poll by topic partition; the key makes one worker do all of a partition number."""
    found: defaultdict[Tp, list[KafkaSourceMessage]] = defaultdict(list)
    for message in messages:
        found[message.topic, message.partition].append(message)
    for (topic, partition), each in found.items():
        chunk = Chunk(
            topic,
            partition,
            [message.offset for message in each],
            [message.timestamp[1] for message in each],
            [message.value for message in each],
        )
        yield str(partition), chunk


def counted(batch: Batch, job: Job) -> Iterable[tuple[str, tuple[datetime, int]]]:
    """The batch's counts, added up by minute before they are folded: some dozens in place of thousands of events."""
    for (minute, kind, partition), events in job.minutes(batch).items():
        yield f"{kind}/{partition}", (datetime.fromtimestamp(minute, UTC), events)


def line(closed: tuple[str, tuple[int, int]]) -> Line:
    """A closed window as a row."""
    key, (window, events) = closed
    kind, _, partition = key.partition("/")
    return window * MINUTE, kind, partition, events


def letters(batch: Batch) -> list[KafkaSinkMessage]:
    """What is refused."""
    return [
        KafkaSinkMessage(key=None, value=refused.value, headers=[(REASON, refused.reason.encode())])
        for refused in batch.refused
    ]


def dataflow(place: Place, job: Job) -> Dataflow:
    """From Kafka to ClickHouse."""

    def take(gathered: list[Chunk]) -> Batch:
        batch = Batch()
        for chunk in gathered:
            job.take(batch, *chunk)
        return batch

    flow = Dataflow("job")
    source = KafkaSource([place.servers], list(source_topics()), batch_size=CHUNK)
    keyed = op.flat_map_batch("chunk", op.input("kafka", flow, source), chunks)
    gathered = op.collect("gather", keyed, timeout=timedelta(seconds=BATCH_SECONDS), max_size=CHUNKS)
    batches = op.map("take", op.key_rm("unkeyed", gathered), take)
    op.output("rows", batches, Sink(place, job, "rows"))
    minutes = win.fold_window(
        "minutes",
        op.flat_map("count", batches, lambda batch: counted(batch, job)),
        EventClock(ts_getter=lambda value: value[0], wait_for_system_duration=GRACE),
        TumblingWindower(length=timedelta(seconds=MINUTE), align_to=ALIGN),
        builder=int,
        folder=lambda total, value: total + value[1],
        merger=add,
        ordered=False,
    )
    op.output("windows", op.map("line", minutes.down, line), Sink(place, job, "windows"))
    op.output("dead_letters", op.flat_map("refused", batches, letters), KafkaSink([place.servers], place.dead_letters))
    return flow


def main() -> None:
    """Make the recovery store and run."""
    place = places.given()
    job = stages(place)
    folder = Path(place.home) / "recovery"
    folder.mkdir()
    init_db_dir(folder, 1)
    flow = dataflow(place, job)
    settle()
    place.ready()
    cli_main(
        flow,
        epoch_interval=timedelta(seconds=SNAPSHOT_SECONDS),
        recovery_config=RecoveryConfig(folder, timedelta(seconds=0)),
    )


if __name__ == "__main__":
    main()
