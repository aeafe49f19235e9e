"""Wait until nothing of the stream can still be written (R10), with a hold of the shards."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from clickhouse_connect.driver.asyncclient import AsyncClient
from rich.console import Console
from rich.progress import Progress, TimeRemainingColumn

from agents.gate import seconds_to_wait
from clickhouse.client import classify, connect
from clickhouse.holds import Hold, Holds
from streams.settings import Settings

console = Console(stderr=True)


async def closed(holds: Holds, hold: Hold) -> str:
    """How many shards have closed since a hold was placed, in words."""
    shards = await holds.closed_since(hold.at)
    return f"{sum(shards.values())} of {len(shards)}"


async def wait(holds: Holds, settings: Settings, hold: Hold, passed: float = 0.0) -> None:
    """Return when a hold has been in force for so long that nobody can still write; `passed`: seconds already."""
    seconds = seconds_to_wait(settings.batch_age_seconds, settings.batch_settle_seconds)
    started = time.monotonic() - passed
    with Progress(*Progress.get_default_columns()[:2], TimeRemainingColumn(), console=console) as progress:
        task = progress.add_task("waiting until the last batch has aged", total=seconds)
        while (passed := time.monotonic() - started) < seconds:
            words = f"{await closed(holds, hold)} shards closed; waiting for the age"
            progress.update(task, completed=passed, description=words)
            await asyncio.sleep(min(1.0, seconds - passed))


@asynccontextmanager
async def quiet(settings: Settings, name: str, reason: str) -> AsyncIterator[None]:
    """Hold the shards for the time of the block. A hold that is in force already is waited for, and not released."""
    client = await connect(settings)
    holds = Holds(client, settings.clickhouse_cluster)
    own = False
    try:
        active = await holds.active()
        if not active:
            own = True
            await holds.place(name, reason)
            active = [hold for hold in await holds.active() if hold.name == name]
        await wait(holds, settings, active[0], await _age(client, active[0]))
        yield
    finally:
        if own:
            await holds.release(name)
        await client.close()


async def _age(client: AsyncClient, hold: Hold) -> float:
    """Seconds since a hold was placed, by ClickHouse's clock."""
    try:
        result = await client.query(
            "SELECT dateDiff('millisecond', {at:DateTime64(3, 'UTC')}, now64(3, 'UTC'))", parameters={"at": hold.at}
        )
    except Exception as error:
        raise classify(error) from error
    return float(result.result_rows[0][0]) / 1000
