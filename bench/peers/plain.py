"""The same job with stages as the documentation of these engines has them: event by event, and rows of plain values.

msgspec decodes one record at a time into the product's own types, so the rules are the same; a row is a list of Python
values, of which the official client makes columns. `job.Job` does the same work by the batch, as the product does.
"""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Any

from agents import places
from agents.device import describe
from agents.locate import Locate
from agents.part import bounded
from bench.peers.job import ALL_PARTITIONS, COLD, SKEW_SECONDS, Batch, Block, Job, Refused, minute_of, type_of
from bench.peers.place import Place
from clickhouse.columns import tables
from streams import codec
from streams.codec import Decoder, EnvelopeStruct, Refusal
from streams.errors import Reject
from streams.events import EventSpec, registry
from streams.events.columns import LABEL, TIME, is_nullable
from streams.moments import EPOCH
from streams.world import zones

_SPOT = ("zone", "city", "state", "country", "cell")
_DEVICE = ("device_type", "browser", "os")
_EMPTY = {"String": "", LABEL: "", "Bool": False, "Float64": 0.0, TIME: EPOCH}

Row = list[Any]
"""Values of one row, in the order of its table."""


def stages(place: Place) -> Job:
    """The stages that a contestant is to use."""
    return Plain() if place.plain else Job()


class Plain(Job):
    """What `Job` does, one event after the other."""

    def __init__(self, partitions: int = ALL_PARTITIONS) -> None:
        super().__init__(partitions)
        self._decoder = Decoder(registry)
        locate = Locate(zones.points(), places.load())
        self._kinds = {spec.name: _Kind(spec, locate) for spec in registry.events.values()}

    def take(
        self,
        batch: Batch,
        topic: str,
        partition: int,
        offsets: Sequence[int],
        stamps: Sequence[int],
        values: Sequence[bytes | None],
    ) -> None:
        """Decode, validate and deduplicate each record, in order, into the batch."""
        batch.part(topic, partition)
        for offset, stamp, value in zip(offsets, stamps, values, strict=True):
            found = self.one(topic, partition, offset, value)
            if isinstance(found, Refused):
                batch.refused.append(found)
            elif found is not None:
                batch.add(topic, partition, offset, stamp, found)
        batch.ends[topic, partition] = offsets[-1] + 1

    def one(self, topic: str, partition: int, offset: int, value: bytes | None) -> EnvelopeStruct | Refused | None:
        """The event, why it is refused, or None for a repeat."""
        event: Any = value and self._decoder.quick(value, topic)
        if not event:  # the models tell what is wrong
            event = codec.decode_values([value], topic)[0]
            if isinstance(event, Refusal):
                return Refused(value, str(event.reason))
        now = datetime.now(UTC)
        if event.time > now + timedelta(seconds=SKEW_SECONDS):
            return Refused(value, str(Reject.IN_FUTURE))
        if event.time < now - COLD:
            return Refused(value, str(Reject.TOO_OLD))
        found: EnvelopeStruct = event
        return None if self._memory(topic, partition).is_repeat(offset, found) else found

    def blocks(self, batch: Batch) -> list[Block]:
        """Enrich, and make the rows: one insert a table."""
        now = int(time.time() * 1000)
        found: dict[str, list[Row]] = {}
        for part in batch.parts.values():
            for offset, stamp, event in zip(part.offsets, part.stamps, part.events, strict=True):
                kind = self._kinds[type_of(event)]
                found.setdefault(kind.table, []).append(kind.row(event, part.partition, offset, stamp, now))
        return [Block(table, [column.name for column in tables()[table]], rows) for table, rows in found.items()]

    def minutes(self, batch: Batch) -> Counter[tuple[int, str, int]]:
        """The batch's events by minute (seconds since 1970), event type and partition."""
        return Counter(
            (minute_of(event), type_of(event), part.partition) for part in batch.parts.values() for event in part.events
        )


class _Kind:
    """Makes rows of one event type."""

    def __init__(self, spec: EventSpec, locate: Locate) -> None:
        self.table = spec.domain.raw_table
        columns = {column.name: column for column in tables()[self.table]}
        self._place = {name: number for number, name in enumerate(columns)}
        self._row: Row = [
            None if is_nullable(column.clickhouse_type) else _EMPTY.get(column.clickhouse_type, 0)
            for column in columns.values()
        ]
        self._spec = spec
        self._locate = locate
        fields = [column.name for column in spec.columns if column.name in spec.fields]
        self._fields = [(self._place[name], attrgetter(name), self._row[self._place[name]]) for name in fields]
        self._parts: list[tuple[Callable[[Any], Any], list[int]]] = [
            (attrgetter(name), [self._place[f"{name}_{part}"] for part in ("latitude", "longitude", *_SPOT)])
            for name in spec.positions
        ]
        self._device = [self._place[name] for name in _DEVICE] if "user_agent" in spec.fields else []

    def row(self, event: Any, shard: int, offset: int, stamp: int, now: int) -> Row:
        """The row of one event; times in milliseconds since 1970."""
        row, place, data = self._row.copy(), self._place, event.data
        row[place["event_id"]] = event.id
        row[place["source"]] = event.source
        row[place["event_type"]] = self._spec.name
        row[place["event_version"]] = self._spec.version
        row[place["occurred_at"]] = event.time
        row[place["appended_at"]] = _time(bounded(stamp))
        row[place["ingested_at"]] = row[place["watermark"]] = _time(now)
        row[place["topic"]] = self._spec.topic
        row[place["shard"]] = shard
        row[place["offset"]] = offset
        row[place["app_version"]] = "peer"
        row[place["sample_rate"]] = 1.0
        for number, field, empty in self._fields:
            value = field(data)
            row[number] = empty if value is None else value
        for part, numbers in self._parts:
            for number, value in zip(numbers, self._locate(part(data)), strict=True):
                row[number] = value
        if self._device:
            for number, value in zip(self._device, describe(data.user_agent), strict=True):
                row[number] = value
        return row


def _time(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
