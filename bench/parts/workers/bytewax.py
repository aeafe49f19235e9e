"""Bytewax: records by the poll; for windows their counts are folded by minute, with snapshots of what is open."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from operator import add
from pathlib import Path

import bytewax.operators as op
import bytewax.operators.windowing as win
from bytewax.connectors.kafka import KafkaSource, KafkaSourceMessage
from bytewax.dataflow import Dataflow, Stream
from bytewax.operators.windowing import EventClock, TumblingWindower
from bytewax.outputs import DynamicSink, StatelessSinkPartition
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.run import cli_main

from bench.parts import lap as laps
from bench.parts.lap import Lap
from bench.parts.order import Part
from bench.parts.work import minutes
from bench.peers.job import GRACE, MINUTE
from streams.topics import source_topics

CHUNK = 5000
"""Records of one poll of a partition at most."""
SNAPSHOT_SECONDS = 10
"""How often a snapshot is taken: Bytewax's own default."""
ALIGN = datetime(1970, 1, 1, tzinfo=UTC)

Line = tuple[int, str, int]
"""Minute, type and events."""


class Records(StatelessSinkPartition):
    """Takes records as they come."""

    def __init__(self, lap: Lap) -> None:
        self._lap = lap

    def write_batch(self, items: list[KafkaSourceMessage]) -> None:
        """The messages of one poll."""
        values: defaultdict[str, list[bytes]] = defaultdict(list)
        for message in items:
            values[message.topic].append(message.value)
        self._lap.take(values.items())


class Lines(StatelessSinkPartition):
    """Takes closed windows."""

    def __init__(self, lap: Lap) -> None:
        self._lap = lap

    def write_batch(self, items: list[Line]) -> None:
        """All that closed at once."""
        self._lap.close(items)


class Sink(DynamicSink):
    """One of the two above, once a worker."""

    def __init__(self, made: type[Records] | type[Lines], lap: Lap) -> None:
        self._made = made
        self._lap = lap

    def build(self, step_id: str, worker_index: int, worker_count: int) -> StatelessSinkPartition:
        """As Bytewax asks for it."""
        return self._made(self._lap)


def counted(messages: list[KafkaSourceMessage], lap: Lap) -> Iterable[tuple[str, tuple[datetime, int]]]:
    """A poll's counts by type and partition, added up by minute before they are folded."""
    lap.begin(len(messages))
    values: defaultdict[int, list[bytes]] = defaultdict(list)
    for message in messages:
        values[message.partition].append(message.value)
    for partition, each in values.items():
        for (minute, kind), events in minutes(each).items():
            yield f"{kind}/{partition}", (datetime.fromtimestamp(minute, UTC), events)


def line(closed: tuple[str, tuple[int, int]]) -> Line:
    """A closed window."""
    key, (window, events) = closed
    return window * MINUTE, key.partition("/")[0], events


def windows(records: Stream, lap: Lap) -> None:
    """Fold the counts by minute."""
    folded = win.fold_window(
        "minutes",
        op.flat_map_batch("count", records, lambda messages: counted(messages, lap)),
        EventClock(ts_getter=lambda value: value[0], wait_for_system_duration=GRACE),
        TumblingWindower(length=timedelta(seconds=MINUTE), align_to=ALIGN),
        builder=int,
        folder=lambda total, value: total + value[1],
        merger=add,
        ordered=False,
    )
    op.output("windows", op.map("line", folded.down, line), Sink(Lines, lap))


def main() -> None:
    """Run until the process is ended."""
    lap = laps.given()
    flow = Dataflow("part")
    records = op.input("kafka", flow, KafkaSource([lap.place.servers], list(source_topics()), batch_size=CHUNK))
    if lap.order.part is not Part.WINDOWS:
        op.output("records", records, Sink(Records, lap))
        lap.ready()
        cli_main(flow)
        return
    windows(records, lap)
    folder = Path(lap.place.home) / "recovery"
    folder.mkdir()
    init_db_dir(folder, 1)
    lap.ready()
    cli_main(
        flow,
        epoch_interval=timedelta(seconds=SNAPSHOT_SECONDS),
        recovery_config=RecoveryConfig(folder, timedelta(seconds=0)),
    )


if __name__ == "__main__":
    main()
