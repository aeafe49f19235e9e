"""Quix Streams: one dataframe a topic; windows by minute over records that are regrouped by type.

A window is kept by the key of its messages, so counting by anything else goes through a topic in between (`group_by`).
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from quixstreams import Application, message_context
from quixstreams.sinks.base import BaseSink

from bench.parts import lap as laps
from bench.parts.lap import Lap
from bench.parts.order import Part
from bench.parts.work import read
from bench.peers.job import BATCH_ROWS, BATCH_SECONDS, GRACE, MINUTE
from streams.topics import source_topics


class Lines(BaseSink):
    """Takes closed windows; tells them before their checkpoint is committed."""

    def __init__(self, lap: Lap) -> None:
        super().__init__()
        self._lap = lap
        self._lines: list[tuple[int, str, int]] = []

    def add(self, value: Any, key: Any, timestamp: int, headers: Any, topic: str, partition: int, offset: int) -> None:
        """One window of one type and partition."""
        kind, _, _ = (key.decode() if isinstance(key, bytes) else key).partition("/")
        self._lines.append((value["start"] // 1000, kind, value["value"]))

    def flush(self) -> None:
        """All windows that have closed."""
        lines, self._lines = self._lines, []
        self._lap.close(lines)

    def on_paused(self) -> None:
        """What was not flushed comes again."""
        self._lines = []


def label(lap: Lap, value: bytes) -> tuple[str, int] | None:
    """Type and partition of a record, and its time in milliseconds since 1970; None for what is no event."""
    lap.begin(1)
    happened = read(value)
    if happened is None:
        return None
    return f"{happened.type}/{message_context().partition}", int(happened.time.timestamp() * 1000)


def count(frame: Any, lap: Lap, lines: Lines) -> None:
    """Windows by minute and type."""
    labels = frame.apply(partial(label, lap)).filter(lambda each: each is not None)
    labels = labels.set_timestamp(lambda each, key, timestamp, headers: each[1])
    kinds = labels.apply(lambda each: each[0]).group_by(lambda kind: kind, name="kind")
    kinds.tumbling_window(MINUTE * 1000, grace_ms=GRACE).count().final().sink(lines)


def main() -> None:
    """Run until the process is ended."""
    lap = laps.given()
    app = Application(
        broker_address=lap.place.servers,
        consumer_group=lap.place.group,
        auto_offset_reset="earliest",
        commit_interval=BATCH_SECONDS,
        commit_every=BATCH_ROWS,
        state_dir=Path(lap.place.home) / "state",
        loglevel="WARNING",
    )
    lines = Lines(lap)
    for name in source_topics():
        frame = app.dataframe(app.topic(name, value_deserializer="bytes"))
        if lap.order.part is Part.WINDOWS:
            count(frame, lap, lines)
        else:
            work: Callable[[bytes], None] = partial(lap.one, name)
            frame.update(work)
    lap.ready()
    app.run()


if __name__ == "__main__":
    main()
