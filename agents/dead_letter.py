"""The dead-letter topic: the original bytes untouched, every fact about them in headers."""

import asyncio
from collections.abc import Sequence

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from agents.judge import DeadLetter
from agents.kill_point import Step, step
from streams import metrics
from streams.backoff import Backoff, patiently
from streams.errors import SinkUnavailable
from streams.headers import as_text
from streams.intent import Intent
from streams.letter import REPLAY_PREFIX

log = structlog.get_logger(__name__)

HEADER_PREFIX = "millrace-"


class DeadLetterTopic:
    """Sends dead letters and waits until all are acknowledged. A letter may repeat after a crash; its key tells."""

    def __init__(self, topic: str, producer: AIOKafkaProducer, backoff: Backoff) -> None:
        self._topic = topic
        self._producer = producer
        self._backoff = (backoff.first, backoff.longest)

    async def send(self, letters: Sequence[DeadLetter], intent: Intent) -> None:
        """Send all letters of a batch. Waits out a broker that is away."""
        if letters:
            with step(Step.LETTERS):
                await patiently(lambda: self._send(letters, intent), Backoff(*self._backoff), _held)
            for letter in letters:
                metrics.DEAD_LETTERS.labels(letter.reason).inc()

    async def _send(self, letters: Sequence[DeadLetter], intent: Intent) -> None:
        try:
            sent = [
                await self._producer.send(
                    self._topic, letter.record.value, key=key(letter), headers=headers(letter, intent)
                )
                for letter in letters
            ]
            await asyncio.gather(*sent)
        except KafkaError as error:
            raise SinkUnavailable(f"the dead-letter topic takes no records: {error!r}") from error


def key(letter: DeadLetter) -> bytes:
    """`topic:partition:offset` of the refused record."""
    return f"{letter.topic}:{letter.partition}:{letter.record.offset}".encode()


def headers(letter: DeadLetter, intent: Intent) -> list[tuple[str, bytes | None]]:
    """The record's own headers, with those of a replay that failed again; then ours, which begin with HEADER_PREFIX.

    aiokafka sends names in UTF-8 alone, so what is not stands escaped here; the table has the bytes.
    """
    record = letter.record
    facts = {
        "reason": str(letter.reason),
        "field": letter.field,
        "message": letter.message,
        "topic": letter.topic,
        "partition": str(letter.partition),
        "offset": str(record.offset),
        "timestamp": str(record.timestamp),
        "event-type": letter.event_type,
        "event-id": letter.event_id,
        "event-source": letter.source,
        "schema-version": "" if letter.schema_version is None else str(letter.schema_version),
        "app-version": intent.version,
        "ingested-at": str(intent.ingested_at),
    }
    own = [
        (as_text(name), value)
        for name, value in record.headers
        if name.startswith(REPLAY_PREFIX) or not name.startswith(HEADER_PREFIX)
    ]
    ours = [(HEADER_PREFIX + name, text.encode("utf-8", "backslashreplace")) for name, text in facts.items()]
    if record.key is not None:
        ours.append((HEADER_PREFIX + "key", record.key))
    return own + ours


def _held(error: SinkUnavailable) -> None:
    metrics.HELD.labels("broker").inc()
    log.warning("dead letters held", error=str(error))
