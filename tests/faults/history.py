"""The whole history of one event: its record, the batches that took it, its rows, what the workers said meanwhile."""

import asyncio
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition

from agents import audit
from agents.consumer import stop
from streams.batch import from_runs
from streams.settings import Settings
from tests.faults.chains import log_of
from tests.faults.verdict import TABLES, Wrong
from tests.support.found import query

AROUND = timedelta(seconds=20)
"""Lines of the workers' logs are told from so long before the first batch until so long after the last."""
LINES = 80


def tell(settings: Settings, wrong: Wrong, logs: Path) -> list[str]:
    """Lines of text, in the order of what happened."""
    record = asyncio.run(_record(settings, wrong))
    batches = asyncio.run(_batches(settings, wrong))
    said = heard(logs)
    lines = [
        f"{wrong.what} in {wrong.table}: topic {wrong.topic}, partition {wrong.partition}, offset {wrong.offset}",
        *record,
        *(f"{line}, by {owner(said, wrong.partition, at)}" for line, at in batches),
        *_rows(settings, wrong),
    ]
    times = [at for _, at in batches]
    if times:
        lines += _meanwhile(said, wrong.partition, min(times) - AROUND, max(times) + AROUND)
    return lines


async def _record(settings: Settings, wrong: Wrong) -> list[str]:
    consumer = AIOKafkaConsumer(bootstrap_servers=settings.kafka_bootstrap_servers, enable_auto_commit=False)
    await consumer.start()
    try:
        place = TopicPartition(wrong.topic, wrong.partition)
        consumer.assign([place])
        consumer.seek(place, wrong.offset)
        try:
            record = await asyncio.wait_for(consumer.getone(place), 30)
        except TimeoutError:
            return ["record: the topic no longer has this offset"]
        return [f"record: appended at {_at(record.timestamp)}, key {record.key!r}, value {record.value!r:.600}"]
    finally:
        await stop(consumer)


async def _batches(settings: Settings, wrong: Wrong) -> list[tuple[str, datetime]]:
    """Every record of the log of intents, void ones too, whose range holds the event."""
    log = await log_of(settings, wrong.partition)
    found = []
    for entry in log.entries:
        intent = entry.intent
        if intent is None:
            continue
        start, end = intent.ranges.get(wrong.topic, (0, 0))
        if not start <= wrong.offset < end:
            continue
        words = [
            word for word, runs in intent.verdict.get(wrong.topic, {}).items() if wrong.offset in set(from_runs(runs))
        ]
        found.append(
            (
                f"batch: offset {entry.raw.offset} of the log, appended at {_at(entry.raw.at)}, "
                f"{'valid' if entry.is_valid else f'void ({entry.why})'}, {audit.kind(intent)}, "
                f"token {intent.token(settings.kafka_group, wrong.partition)}, range {start}-{end}, "
                f"rows {intent.rows}, ingested_at {_at(intent.ingested_at)}, verdict {words or 'a row'}",
                datetime.fromtimestamp(entry.raw.at / 1000, UTC),
            )
        )
    return found


def _rows(settings: Settings, wrong: Wrong) -> Iterator[str]:
    for table in TABLES:
        partition = "partition" if table == "dead_letters" else "shard"
        where = f"topic = '{wrong.topic}' AND {partition} = {wrong.partition} AND offset = {wrong.offset}"
        has_batch = table in ("events_raw", "events", "dead_letters")
        batch = "intent, nonce, intent_offset, app_version, _part" if has_batch else "_part"
        for row in query(settings, f"SELECT ingested_at, chain, {batch} FROM {table} WHERE {where}"):
            yield f"row in {table}: {row}"


class Said(NamedTuple):
    """One line of a worker's log."""

    at: datetime
    worker: str
    words: dict[str, Any]


def heard(logs: Path) -> list[Said]:
    """What all workers have said, in the order of time."""
    lines = []
    for log in logs.glob("worker-*.log"):
        for line in log.read_text(errors="replace").splitlines():
            try:
                words: dict[str, Any] = json.loads(line)
                lines.append(Said(datetime.fromisoformat(str(words["timestamp"])), log.stem, words))
            except (ValueError, KeyError, TypeError):
                continue
    return sorted(lines, key=lambda said: said.at)


def owner(said: Sequence[Said], shard: int, at: datetime) -> str:
    """The worker that had recovered the shard last before this moment, and so believed it its own."""
    names = [
        each.worker
        for each in said
        if each.words.get("event") == "shard recovered" and each.words.get("shard") == shard and each.at <= at
    ]
    return names[-1] if names else "nobody who said so"


def _meanwhile(said: Sequence[Said], shard: int, start: datetime, end: datetime) -> list[str]:
    """What workers said of this shard, or of none, in this time."""
    fitting = [each for each in said if start <= each.at <= end and each.words.get("shard", shard) == shard]
    return [f"{each.worker}: {json.dumps(each.words)}" for each in fitting][:LINES]


def _at(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds")
