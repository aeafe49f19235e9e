"""The agent: every chunk of every source topic goes to its shard, which does the rest."""

from collections.abc import AsyncIterable, Sequence

from agents.shards import Shards
from streams.batch import Chunk


async def ingest(fetches: AsyncIterable[Sequence[Chunk]], shards: Shards) -> None:
    """Take each chunk from the stream to its shard.

    Never blocks and never raises for bad input: a shard that is full pauses its topics instead, and one that
    cannot take a chunk now drops it and has it fetched again. (A `return` in here would end the agent.)
    """
    async for chunks in fetches:
        for chunk in chunks:
            shards.offer(chunk)
