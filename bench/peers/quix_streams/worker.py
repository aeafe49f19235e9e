"""Quix Streams: one dataframe a topic, rows into a sink of our own, counts regrouped by type and windowed by minute.

A window is kept by the key of its messages, so counting by anything else goes through a topic in between (`group_by`).
At least once.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quixstreams import Application, message_context
from quixstreams.sinks.base import BaseSink

from bench.peers import place as places
from bench.peers.job import BATCH_ROWS, BATCH_SECONDS, GRACE, MINUTE, REASON, Batch, Job, Line, Refused, settle, type_of
from bench.peers.place import Place
from bench.peers.store import Store
from streams.codec import EnvelopeStruct
from streams.topics import source_topics


@dataclass(slots=True)
class Found:
    """What became of a record that is no repeat.

    Where a dataframe branches, all branches but the first are given a copy made by pickle. The first one is that of the
    rows; a copy leaves the event behind, which the others have no use for.
    """

    event: EnvelopeStruct | None
    label: str
    """Type and partition of an event."""
    stamp: int
    """Its time, milliseconds since 1970."""
    refused: Refused | None

    def __reduce__(self) -> tuple[Any, ...]:
        """For a copy."""
        return Found, (None, self.label, self.stamp, self.refused)


class RowSink(BaseSink):
    """Inserts what was added since the last checkpoint, before that is committed."""

    def __init__(self, store: Store, job: Job) -> None:
        super().__init__()
        self._store = store
        self._job = job
        self._batch = Batch()

    def add(self, value: Any, key: Any, timestamp: int, headers: Any, topic: str, partition: int, offset: int) -> None:
        """One accepted event."""
        self._batch.add(topic, partition, offset, timestamp, value.event)

    def flush(self) -> None:
        """One insert a table."""
        batch, self._batch = self._batch, Batch()
        self._store.insert(self._job.blocks(batch))

    def on_paused(self) -> None:
        """What was not flushed comes again."""
        self._batch = Batch()


class LineSink(BaseSink):
    """Inserts closed windows, as `RowSink` does rows."""

    def __init__(self, store: Store) -> None:
        super().__init__()
        self._store = store
        self._lines: list[Line] = []

    def add(self, value: Any, key: Any, timestamp: int, headers: Any, topic: str, partition: int, offset: int) -> None:
        """One window of one type and partition."""
        kind, _, part = (key.decode() if isinstance(key, bytes) else key).partition("/")
        self._lines.append((value["start"] // 1000, kind, part, value["value"]))

    def flush(self) -> None:
        """All windows that have closed."""
        lines, self._lines = self._lines, []
        self._store.count(lines)

    def on_paused(self) -> None:
        """What was not flushed comes again."""
        self._lines = []


def build(place: Place, job: Job) -> Application:
    """The application with a dataframe for each source topic."""
    app = Application(
        broker_address=place.servers,
        consumer_group=place.group,
        auto_offset_reset="earliest",
        commit_interval=BATCH_SECONDS,
        commit_every=BATCH_ROWS,
        state_dir=Path(place.home) / "state",
        loglevel="WARNING",
    )
    dead_letters = app.topic(place.dead_letters, value_serializer="bytes")
    rows, lines = RowSink(Store(place), job), LineSink(Store(place))

    def work(value: bytes | None) -> Found | None:
        at = message_context()
        found = job.one(at.topic, at.partition, at.offset, value)
        if found is None or isinstance(found, Refused):
            return None if found is None else Found(None, "", 0, found)
        return Found(found, f"{type_of(found)}/{at.partition}", int(found.time.timestamp() * 1000), None)

    for name in source_topics():
        topic = app.topic(name, value_deserializer="bytes")
        found = app.dataframe(topic).apply(work).filter(lambda each: each is not None)
        found.filter(lambda each: each.event is not None).sink(rows)
        refused = found.filter(lambda each: each.refused is not None).apply(lambda each: each.refused)
        refused = refused.set_headers(lambda each, key, timestamp, headers: [(REASON, each.reason)])
        refused.apply(lambda each: each.value).to_topic(dead_letters)
        counted = found.filter(lambda each: each.label)
        counted = counted.set_timestamp(lambda each, key, timestamp, headers: each.stamp)
        labels = counted.apply(lambda each: each.label).group_by(lambda label: label, name="kind")
        labels.tumbling_window(MINUTE * 1000, grace_ms=GRACE).count().final().sink(lines)
    return app


def main() -> None:
    """Run until the process is ended."""
    place, job = places.given(), Job()
    app = build(place, job)
    settle()
    place.ready()
    app.run()


if __name__ == "__main__":
    main()
