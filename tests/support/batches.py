"""Record batches that no client library writes, since it takes text alone for the name of a header."""

from collections.abc import Iterable, Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy

from streams.headers import as_bytes
from streams.settings import Settings

Given = tuple[bytes | None, bytes | None, Sequence[tuple[str, bytes | None]]]
"""Key, value and headers; a name has a lone surrogate for each byte that is not UTF-8."""


class Name(str):
    """A header's name that aiokafka's builder in Python writes as the bytes that it stands for."""

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        """Whatever was asked for."""
        return as_bytes(str(self))


def builder(records: Iterable[Given], codec: int = 0) -> Any:
    """A builder of one batch that holds the records."""
    made = _DefaultRecordBatchBuilderPy(2, codec, 0, -1, -1, -1, 1_000_000)
    for offset, (key, value, headers) in enumerate(records):
        made.append(offset, None, key, value, [(Name(name), text) for name, text in headers])
    return made


async def send(settings: Settings, topic: str, records: Sequence[Given], partition: int = 0, codec: int = 0) -> None:
    """Append the records to a partition, as one batch."""
    async with AIOKafkaProducer(bootstrap_servers=settings.kafka_bootstrap_servers) as producer:
        batch = producer.create_batch()
        batch._builder = builder(records, codec)
        batch._relative_offset = len(records)
        await (await producer.send_batch(batch, topic, partition=partition))
