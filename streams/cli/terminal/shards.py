"""The shards of the log of intents, as the commands on it choose and read them."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

import typer

from agents import audit
from agents.build import groupless
from clickhouse.client import connect
from clickhouse.shards import addresses
from clickhouse.witness import Delivered, Witness
from streams.errors import ConfigurationError
from streams.settings import Settings

Shards = Annotated[list[int] | None, typer.Option("--shard", help="Only this shard; may be repeated.")]


@dataclass(frozen=True)
class Shard:
    """One shard's log, and what ClickHouse has seen of it."""

    log: audit.Log
    seen: Delivered | None


@dataclass(frozen=True)
class Reader:
    """Reads logs and asks the witness."""

    settings: Settings
    witnesses: Sequence[Witness]
    """One a ClickHouse shard."""

    def witness(self, shard: int) -> Witness:
        """Of the ClickHouse shard that has the shard's rows."""
        return self.witnesses[shard % len(self.witnesses)]

    async def read(self, shard: int, valid: int | None = None, first: int | None = None) -> Shard:
        """See agents.audit.read."""
        seen = await self.witness(shard).highest(shard)
        topic = self.settings.kafka_intents_topic
        return Shard(await audit.read(topic, shard, groupless(self.settings), seen, valid, first), seen)


@asynccontextmanager
async def reader(settings: Settings) -> AsyncIterator[Reader]:
    """Connect. Raises what `clickhouse.client.connect` does."""
    async with AsyncExitStack() as stack:
        witnesses = []
        for each in addresses(settings):
            client = await connect(each)
            stack.push_async_callback(client.close)
            witnesses.append(Witness(client, settings.clickhouse_cluster))
        yield Reader(settings, witnesses)


def chosen(settings: Settings, given: list[int] | None) -> list[int]:
    """The shards meant; all unless told. Raises ConfigurationError for one that does not exist."""
    every = list(range(settings.kafka_partitions))
    if wrong := [shard for shard in given or () if shard not in every]:
        raise ConfigurationError(f"--shard {wrong[0]}: with KAFKA_PARTITIONS={len(every)} they are 0 to {every[-1]}")
    return sorted(set(given)) if given else every
