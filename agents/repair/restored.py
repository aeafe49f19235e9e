"""Bring ClickHouse back from a backup, and let each shard go on where its rows end: clickhouse/backup/__init__.py."""

import asyncio
import time
from dataclasses import dataclass

import structlog

from agents.gate import seconds_to_wait
from agents.repair import chain, erased
from agents.repair.parts import Parts, members, opened
from clickhouse.backup.folder import Told
from clickhouse.backup.manifest import Manifest
from clickhouse.backup.restore import refuse_used, release, restore
from clickhouse.backup.take import Place
from clickhouse.client import connect
from clickhouse.cluster import refuse
from clickhouse.erasure.receipt import Receipt
from streams.errors import ConfigurationError
from streams.settings import Settings

log = structlog.get_logger(__name__)

LONG_SECONDS = 3600.0
"""Longest wait for one statement; BACKUP and RESTORE themselves run in the server and are asked about."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the operator says."""

    replace: bool
    """Drop the database that is there."""
    workers_gone: bool
    """No worker of before can come back."""
    skip_lost: bool
    """Go on after records that the topics no longer hold."""
    actor: str


@dataclass(frozen=True, slots=True)
class Back:
    """What there is to tell of a restore."""

    clickhouse_seconds: float
    erased_again: list[Receipt]
    """Of persons whom somebody had erased since the backup, and who had rows."""
    shards: dict[str, int | None]
    """The record that each goes on with; None where it needs none of its own."""


def patient(settings: Settings) -> Settings:
    """The same for statements that take long."""
    return settings.model_copy(update={"clickhouse_timeout_seconds": LONG_SECONDS})


async def bring_back(settings: Settings, backup: Manifest, place: Place, asked: Asked, told: Told) -> Back:
    """Steps 2 to 5. The files have been looked at.

    Raises ConfigurationError while workers run, if the database is used and not to be replaced, or if somebody was
    erased since and ERASURE_KEY is not the one of then; BackupFailed; what `erased.erase` raises, with the shards held;
    SourceCut if the topics have lost records, with the shards still held; and as `clickhouse.client.classify` does.
    """
    refuse(settings.clickhouse_cluster, "backup restore")
    if not asked.workers_gone and (alive := await members(settings)):
        raise ConfigurationError(
            f"{len(alive)} member(s) in group {settings.kafka_group}: {', '.join(alive[:5])}. Stop the workers and "
            "wait for KAFKA_SESSION_TIMEOUT_SECONDS; if they are dead for good, add --workers-gone"
        )
    erased.check(settings, place.folder, backup)
    client = await connect(patient(settings), database=False)
    try:
        await refuse_used(client, settings.clickhouse_database, asked.replace)
        began = time.monotonic()
        hold = await restore(client, settings.clickhouse_database, backup, place, told)
        seconds = time.monotonic() - began
    finally:
        await client.close()
    if not asked.workers_gone:
        # From the start on nobody can have read that no hold is in force: there was no table, and then there was one.
        told("waiting until no batch of a stalled worker can arrive any more")
        age = seconds_to_wait(settings.batch_age_seconds, settings.batch_settle_seconds)
        await asyncio.sleep(max(0.0, began + age - time.monotonic()))
    receipts = await _erase_again(settings, place, hold, asked, told)
    return Back(round(seconds, 2), receipts, await _go_on(settings, backup, hold, asked, told))


async def _erase_again(settings: Settings, place: Place, hold: str, asked: Asked, told: Told) -> list[Receipt]:
    """Erase who was erased since the backup; their receipts."""
    try:
        return await asyncio.to_thread(erased.erase, settings, place.folder, asked.actor, told)
    except BaseException:
        log.error(
            "the rows are back, those of persons who were erased since the backup too, and the shards stay held; when "
            "the cause is mended, run `millrace forget --listed`, then `millrace intents repair --yes`, then "
            f"`millrace hold release {hold}`"
        )
        raise


async def _go_on(settings: Settings, backup: Manifest, hold: str, asked: Asked, told: Told) -> dict[str, int | None]:
    """Begin a new chain where one is needed, and release the hold; per shard the record that it goes on with."""
    async with opened(settings) as parts:
        begun: dict[str, int | None] = {}
        try:
            for number in range(settings.kafka_partitions):
                told(f"shard {number}: where its rows end")
                begun[str(number)] = await _begin(parts.of(number), number, backup, asked)
        except BaseException:
            log.error(
                "the rows are back, but the shards stay held; when the cause is mended, run `millrace intents repair "
                f"--yes`, then `millrace hold release {hold}`"
            )
            raise
        await release(parts.client, hold)
        return begun


async def _begin(parts: Parts, shard: int, backup: Manifest, asked: Asked) -> int | None:
    plan = await chain.plan(parts, shard)
    if not plan.is_needed:
        return None
    record, _ = await chain.begin(parts, plan, asked.actor, asked.skip_lost, f"restored from backup {backup.id}")
    return record.seq
