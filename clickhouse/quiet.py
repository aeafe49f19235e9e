"""A hold around maintenance (R10): nothing of the stream is written from the moment that it is quiet to its end."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from clickhouse_connect.driver.asyncclient import AsyncClient

from clickhouse.cluster import whole
from clickhouse.feeds import rows
from clickhouse.holds import Holds
from streams.errors import ConfigurationError

POLL_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a hold must have been in force until it is quiet. Seconds."""

    closed: float
    """Where every shard says that it has closed: time for a worker that takes one over just then to see the hold."""
    silent: float
    """Where a shard says nothing: no worker runs it, or a stalled one whose last batch has to age."""
    resumed: float = 10.0
    """So long after the release of an earlier hold a shard that does not run is not waited for."""


@asynccontextmanager
async def quiet(
    client: AsyncClient,
    name: str,
    reason: str,
    patience: Patience,
    on_wait: Callable[[str], None],
    cluster: str | None = None,
) -> AsyncIterator[None]:
    """Hold all shards for the time of the block; the hold is released at its end, also by an error or a cancellation.

    A hold that a person has placed before counts. `cluster`: whose shards these are, if there is one; the client is one
    of any node. Raises ConfigurationError if a hold of this name is in force.
    """
    holds = Holds(client, cluster)
    if any(hold.name == name for hold in await holds.active()):
        raise ConfigurationError(
            f"a hold named {name} is in force: another one works on the tables, or was killed while it did. "
            f"If none does, let the shards go on with `millrace hold release {name}`, then try again"
        )
    await _resumed(client, whole("delivered", cluster), patience.resumed)
    try:
        await holds.place(name, reason)
        await _wait(client, holds, patience, on_wait)
        yield
    finally:
        await holds.release(name)


async def _resumed(client: AsyncClient, delivered: str, seconds: float) -> None:
    """After another hold was released a moment ago, let the shards go on: only then can they say that they close."""
    sql = (
        "SELECT (SELECT max(at) FROM holds WHERE held = 0) AS released, now64(3) - released > {seconds:Float64} "
        f"OR (SELECT min(newest) > released FROM (SELECT max(at) AS newest FROM {delivered} GROUP BY shard))"
    )
    while not (await rows(client, sql, {"seconds": seconds}))[0][1]:  # noqa: ASYNC110  (others write the table)
        await asyncio.sleep(POLL_SECONDS)


async def _wait(client: AsyncClient, holds: Holds, patience: Patience, on_wait: Callable[[str], None]) -> None:
    oldest = (await holds.active())[0].at
    while True:
        [(now,)] = await rows(client, "SELECT now64(3, 'UTC')")
        held = now - oldest
        shards = await holds.closed_since(oldest)
        closed = bool(shards) and all(shards.values())
        if held >= timedelta(seconds=patience.closed if closed else patience.silent):
            return
        left = (patience.closed if closed else patience.silent) - held.total_seconds()
        on_wait(f"{sum(shards.values())} of {len(shards)} shards closed; {left:.0f} s at most")
        await asyncio.sleep(min(POLL_SECONDS, left))
