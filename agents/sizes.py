"""How many bytes an event has on the wire, by type: the newest records of every source topic, read and weighed."""

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from agents.consumer import start, stop
from agents.log import ConsumerFactory
from agents.source import ends_of
from streams.codec.binary import Headers, is_binary, structured
from streams.errors import SinkUnavailable


class _Typed(msgspec.Struct):
    """The part of a CloudEvent that says what it is."""

    type: str


@dataclass(slots=True)
class Weight:
    """What was read of one event type."""

    events: int = 0
    bytes: int = 0
    """Of their JSON: keys and the broker's own framing are not counted."""

    @property
    def mean(self) -> float:
        """Bytes of an event."""
        return self.bytes / self.events


async def weigh(consumer: ConsumerFactory, topics: Iterable[str], newest: int) -> dict[str, Weight]:
    """The newest records of every partition, so many each, by event type; what is no event is left out.

    Raises SinkUnavailable.
    """
    reader = consumer()
    try:
        await start(reader)
        try:
            return await _read(reader, sorted(topics), newest)
        finally:
            await stop(reader)
    except KafkaError as error:
        raise SinkUnavailable(f"the source topics cannot be read: {error!r}") from error


async def _read(reader: AIOKafkaConsumer, topics: list[str], newest: int) -> dict[str, Weight]:
    known = await reader._client.fetch_all_metadata()
    tps = [TopicPartition(topic, n) for topic in topics for n in known.partitions_for_topic(topic) or ()]
    reader.assign(tps)
    begins = await reader.beginning_offsets(tps)
    ends = await ends_of(reader, tps)
    waiting = {tp for tp in tps if ends[tp] > begins[tp]}
    for tp in waiting:
        reader.seek(tp, max(begins[tp], ends[tp] - newest))
    found: dict[str, Weight] = {}
    while waiting:
        for records in (await reader.getmany(*waiting, timeout_ms=200, max_records=10_000)).values():
            for record in records:
                _count(found, record.value, record.headers)
        waiting -= {tp for tp in list(waiting) if await reader.position(tp) >= ends[tp]}
    return found


def _count(found: dict[str, Weight], value: bytes | None, headers: Headers) -> None:
    """Add one record; one in binary mode weighs what it would in structured mode."""
    try:
        value = structured(headers, value) if is_binary(headers) else value or b""
        name = msgspec.json.decode(value, type=_Typed).type
    except (ValueError, RecursionError):
        return
    weight = found.setdefault(name, Weight())
    weight.events += 1
    weight.bytes += len(value)
