"""A worker's hold of the windows of one shard, without the worker: rows in ClickHouse, and what is counted of them."""

import time
from collections.abc import Collection, Sequence
from typing import Any

from clickhouse_connect.driver.asyncclient import AsyncClient

from agents.judge import Accepted
from agents.locate import UNKNOWN
from agents.windows import Realtime, ShardWindows
from clickhouse.partials import Partials
from clickhouse.realtime import RealtimeTable
from clickhouse.sink import Sink
from streams.intent import Intent
from streams.settings import Settings
from tables.window import Declared
from tests.support.rows import bodies

STRIDE = 1000
"""Offsets of one batch, in each topic."""


class Owner:
    """From one recovery to the next; what it takes is delivered to ClickHouse first. Times in milliseconds."""

    def __init__(
        self, client: AsyncClient, settings: Settings, shard: int, declared: Declared, topics: Collection[str]
    ) -> None:
        kept = RealtimeTable(client, settings)
        self.topics = frozenset(topics)
        around = Realtime(declared, {}, lambda _: UNKNOWN, Partials(client), kept, None, "g", self.topics, disorder=0)
        self.windows: ShardWindows = around.of(shard)
        self._sink = Sink(client, settings)
        self._shard = shard

    def record(self, seq: int, watermark: int, kept: int | None = None) -> Intent:
        """The record of batch `seq`, which begins where the last one ended."""
        ranges = dict.fromkeys(self.topics, (seq * STRIDE, (seq + 1) * STRIDE))
        return Intent(
            chain="chain",
            seq=seq,
            previous="",
            nonce=f"{seq}",
            ranges=ranges,
            ingested_at=int(time.time() * 1000),
            watermark=watermark,
            kept=kept,
        )

    async def deliver(self, seq: int, watermark: int, events: Sequence[Any]) -> None:
        """Write the rows of a batch."""
        rows = bodies(events, self.record(seq, watermark), seq * STRIDE, self._shard)
        for table, block in rows.items():
            await self._sink.insert_rows(table, *block, "")

    def take(self, seq: int, watermark: int, events: Sequence[Any]) -> None:
        """Count a batch."""
        parts: dict[str, Accepted] = {}
        for event in events:
            part = parts.setdefault(event.spec.topic, Accepted(event.spec.topic, self._shard))
            part.events.append(event)
            part.offsets.append(len(part.offsets))
            part.stamps.append(0)
        record = self.record(seq, watermark)
        self.windows.take(list(parts.values()), record, seq, record.ingested_at)

    async def recover(self, seq: int, watermark: int, kept: int | None = None) -> None:
        """Count again what lies below batch `seq`, the last one."""
        await self.windows.recover(self.record(seq, watermark, kept), int(time.time() * 1000))

    def move(self, watermark: int, *, settled: bool = True) -> None:
        """Let the watermark be this."""
        self.windows.watermark.topics = dict.fromkeys(self.topics, watermark)
        self.windows.advance((), watermark, settled=settled)
