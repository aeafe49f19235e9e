"""Rows as the worker writes them, from events as producers send them."""

import json
import random
import secrets
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, NamedTuple

import pyarrow
from clickhouse_connect.driver.client import Client

from agents import places
from agents.judge import Accepted, Judged
from agents.locate import Locate
from agents.render import Render
from agents.rows import body
from clickhouse.client import insert_settings, unrepeated
from streams import codec
from streams.events import registry
from streams.events.domains import Domain
from streams.events.sample import sample
from streams.intent import Intent
from streams.settings import Settings
from streams.world import zones

DAY = datetime.now(UTC).date() - timedelta(days=2)
"""The day of most samples: all of it has passed, in every zone."""


@cache
def _render() -> Render:
    return Render(Locate(zones.points(), places.load()))


def decoded(events: Sequence[dict[str, Any]]) -> list[Any]:
    """Events as structs; fails if validation refuses one."""
    found = codec.decode_values([json.dumps(event).encode() for event in events])
    refused = [each for each in found if isinstance(each, codec.Refusal)]
    assert not refused, refused
    return found


def intent(seq: int = 1, at: int | None = None) -> Intent:
    """A record whose rows are fresh now, or were so at `at` (milliseconds since 1970)."""
    made = int(time.time() * 1000) if at is None else at
    return Intent(chain="chain", seq=seq, previous="", nonce=secrets.token_hex(8), ranges={}, ingested_at=made)


class Block(NamedTuple):
    """What one insert takes: names of the columns, and one record batch of Arrow."""

    columns: list[str]
    body: bytes

    @property
    def batch(self) -> Any:
        """As pyarrow reads it."""
        (batch,) = pyarrow.ipc.open_stream(self.body)
        return batch

    def with_column(self, name: str, values: list[Any], old: str = "") -> "Block":
        """The block with other values of a column, or with another name for `old`."""
        batch = self.batch
        at = self.columns.index(old or name)
        changed = batch.set_column(at, name, pyarrow.array(values))
        sink = pyarrow.BufferOutputStream()
        with pyarrow.ipc.new_stream(sink, changed.schema) as writer:
            writer.write_batch(changed)
        return Block(changed.schema.names, sink.getvalue().to_pybytes())


def insert(client: Client, settings: Settings, table: str, block: Block, token: str) -> None:
    """As the sink inserts it, by a client without an event loop; a token counts within one group of workers."""
    client.raw_insert(
        table,
        column_names=block.columns,
        insert_block=unrepeated(block.body),
        fmt="ArrowStream",
        settings=insert_settings(settings, f"{settings.kafka_group}/{token}"),
    )


def bodies(events: Sequence[Any], record: Intent, first: int = 0, shard: int = 1) -> dict[str, Block]:
    """Blocks per raw table of these structs, as one batch; offsets count from `first` in each topic."""
    parts: dict[str, Accepted] = {}
    for event in events:
        part = parts.setdefault(event.spec.topic, Accepted(event.spec.topic, shard))
        part.offsets.append(first + len(part.offsets))
        part.stamps.append(record.ingested_at - 50)
        part.events.append(event)
    content = _render()(Judged(accepted=list(parts.values())), 1.0, record.ingested_at)
    return {table: Block(*body(rows, record, 7, shard)) for table, rows in content.tables.items()}


def samples(domain: Domain, count: int, days: int = 1, apart: int = 1, seed: int = 7) -> list[Any]:
    """Events of all types of a domain in turn, decoded, on so many days that lie so many days apart, the last `DAY`."""
    source = random.Random(seed)
    specs = registry.of(domain)
    noon = datetime(DAY.year, DAY.month, DAY.day, 12, tzinfo=UTC)
    return decoded(
        [
            sample(spec, source, noon - timedelta(days=round_ % days * apart, minutes=n % 50))
            for n in range(count)
            for round_, spec in [(n // len(specs), specs[n % len(specs)])]
        ]
    )
