"""Whether a contestant has done the whole job: rows, dead letters and windows to the unit."""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from redis.asyncio import Redis

from bench.peers.backlog import Truth
from bench.peers.contestants import OURS
from bench.peers.job import MINUTE, REASON, WINDOWS
from bench.peers.ours.windows import measure, only_minutes, window
from bench.peers.site import Site
from clickhouse.columns import RAW
from streams.events import registry
from tables.live import Live
from tables.query import Query
from tables.window import Declared

PATIENCE = 60.0
"""Seconds that dead letters and windows may come after the last row."""
SHOWN = 6
"""Differences that are told."""
DELIVERY = frozenset({"ingested_at", "chain", "intent", "nonce", "intent_offset", "app_version", "watermark"})
"""Columns that say how a row was delivered; every other one must be the same for all contestants."""


class WrongWork(Exception):
    """A contestant has not done the job; the text says what is missing or too much."""


def differences(what: str, found: Mapping[Any, int], wanted: Mapping[Any, int]) -> list[str]:
    """Where counts differ, in words; none where they agree."""
    names = sorted({*found, *wanted}, key=str)
    return [
        f"{what} {name}: {found.get(name, 0):,}, but {wanted.get(name, 0):,} must be there"
        for name in names
        if found.get(name, 0) != wanted.get(name, 0)
    ]


def hold(site: Site, truth: Truth, first: dict[int, tuple[str, int]], patience: float = PATIENCE) -> None:
    """Hold everything that a contestant has made against the truth. Raises WrongWork.

    `first`: by the number of records sent, who was the first to have worked them off, and what their rows sum up to.
    """
    name = site.contestant.name
    found = _settled(lambda: differences("dead letters", dead_letters(site), truth.dead), patience)
    found += _settled(lambda: differences("window", windows(site, truth), truth.minutes), patience)
    found += differences("rows", rows(site), truth.rows)
    own = contents(site)
    whom, content = first.setdefault(truth.sent, (name, own))
    if not found and content != own:
        found = [f"the rows are as many as those of {whom}, but they say something else"]
    if found:
        more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        raise WrongWork(f"{name} has not done the job: {'; '.join(found[:SHOWN])}{more}")


def taken(site: Site) -> int:
    """Rows in the raw tables, cheaply."""
    names = ", ".join(f"'{raw.name}'" for raw in RAW)
    statement = "SELECT sum(rows) FROM system.parts WHERE active AND database = currentDatabase()"
    return int(site.client.query(f"{statement} AND table IN ({names})").result_rows[0][0])


def rows(site: Site) -> Counter[str]:
    """Rows by event type. Raises WrongWork where an event stands there twice."""
    found: Counter[str] = Counter()
    for raw in RAW:
        answer = site.client.query(
            f"SELECT event_type, count(), uniqExact(source, event_id) FROM {raw.name} GROUP BY 1"
        )
        for kind, count, distinct in answer.result_rows:
            if count != distinct:
                raise WrongWork(f"{site.contestant.name} has {count - distinct:,} rows of {kind} twice")
            found[kind] += count
    return found


def contents(site: Site) -> int:
    """A sum over every value of every row, those left out that say how it was delivered."""
    total = 0
    for raw in RAW:
        columns = ", ".join(f"`{column.name}`" for column in raw.columns if column.name not in DELIVERY)
        answer = site.client.query(f"SELECT sum(cityHash64(formatRow('RowBinary', {columns}))) FROM {raw.name}")
        total += int(answer.result_rows[0][0])
    return total


def dead_letters(site: Site) -> Counter[str]:
    """Records of the dead-letter topic by their reason."""
    return asyncio.run(_reasons(site.place.servers, site.place.dead_letters, site.settings.kafka_partitions))


def windows(site: Site, truth: Truth) -> dict[tuple[int, str], int]:
    """Counts of the minutes that the truth knows to be closed, as the contestant tells them to its readers."""
    known = {minute for minute, _ in truth.minutes}
    if site.contestant.name == OURS:
        return asyncio.run(_live(site, known))
    answer = site.client.query(f"SELECT minute, event_type, sum(events) FROM {WINDOWS} FINAL GROUP BY 1, 2")
    return {(minute, kind): count for minute, kind, count in answer.result_rows if minute in known}


async def _live(site: Site, known: set[int]) -> dict[tuple[int, str], int]:
    declared = Declared()
    only_minutes(declared)
    redis = Redis.from_url(site.settings.redis_url or "")
    live = Live(redis, site.settings.kafka_group, declared, expected=site.settings.kafka_partitions)
    found: dict[tuple[int, str], int] = {}
    try:
        for domain in registry.domains.values():
            asked = Query(window(domain.name), start=min(known), end=max(known) + MINUTE)
            view = await live.read(asked)
            for row in view.rows[0]:
                for spec in registry.of(domain):
                    count = row.values[measure(spec.name)]
                    if row.start in known and count:
                        found[row.start, spec.name] = count
    finally:
        await redis.aclose()
    return found


async def _reasons(servers: str, topic: str, partitions: int) -> Counter[str]:
    """Read a topic from its beginning to its end."""
    consumer = AIOKafkaConsumer(bootstrap_servers=servers, auto_offset_reset="earliest", enable_auto_commit=False)
    found: Counter[str] = Counter()
    await consumer.start()
    try:
        parts = [TopicPartition(topic, n) for n in range(partitions)]
        consumer.assign(parts)
        ends = await consumer.end_offsets(parts)
        await consumer.seek_to_beginning(*parts)
        while any([await consumer.position(tp) < ends[tp] for tp in parts]):
            for records in (await consumer.getmany(timeout_ms=500)).values():
                for record in records:
                    found[_reason(record.headers)] += 1
    finally:
        await consumer.stop()
    return found


def _reason(headers: Any) -> str:
    """Ours is called `millrace-reason`."""
    return next((value.decode() for name, value in headers if name.split("-")[-1] == REASON), "")


def _settled(look: Callable[[], list[str]], patience: float) -> list[str]:
    """What differs when nothing does any more, or when patience has ended."""
    deadline, pause = time.monotonic() + patience, threading.Event()
    while (found := look()) and time.monotonic() < deadline:
        pause.wait(0.5)
    return found
