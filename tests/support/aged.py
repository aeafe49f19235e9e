"""Old rows, the turn of a job, and questions about where rows lie: for tests of retention, archive and erasure."""

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from clickhouse_connect.driver.client import Client

from clickhouse import persons
from clickhouse.archive.day import Archive, Watch
from clickhouse.archive.passing import Work
from clickhouse.archive.store import Store
from clickhouse.client import connect_sync
from clickhouse.columns import FAMILIES
from clickhouse.retention import turn
from clickhouse.retention.ledger import Ledger
from clickhouse.retention.partitions import Partition, partitions
from streams.events import registry
from streams.events.domains import RIDES, Domain
from streams.events.sample import sample
from streams.settings import Settings
from tests.support.rows import bodies, decoded, insert, intent


def aged(count: int, days: int, domain: Domain = RIDES, seed: int = 7, **data: Any) -> list[dict[str, Any]]:
    """Events of all types of a domain in turn, so many days old; `data` replaces fields that a type has."""
    source, specs = random.Random(seed), registry.of(domain)
    moment = datetime.now(UTC) - timedelta(days=days)
    found = [sample(specs[n % len(specs)], source, moment) for n in range(count)]
    for n, event in enumerate(found):
        event["data"] |= {name: value for name, value in data.items() if name in specs[n % len(specs)].fields}
    return found


def put(client: Client, settings: Settings, events: Sequence[dict[str, Any]], token: str, first: int = 0) -> None:
    """Insert events as a worker does, under a token; offsets count from `first` in each topic."""
    for table, block in bodies(decoded(events), intent(), first).items():
        insert(client, settings, table, block, f"{token}/{table}")


def keep_all(client: Client, settings: Settings) -> None:
    """Let no row of a person go by TTL, which takes old ones at any moment after they came."""
    for table in persons.columns(client, settings.clickhouse_database):
        client.command(f"ALTER TABLE {table} REMOVE TTL")


def day(days: int) -> str:
    """The day so many days ago, as a partition is named."""
    return (datetime.now(UTC) - timedelta(days=days)).date().isoformat()


@contextmanager
def archiving(settings: Settings, folder: Path | str, watch: Watch = lambda step: None) -> Iterator[Archive]:
    """The archive in a folder, or at an address, under the lock, as a job has it."""
    own = settings.model_copy(update={"archive_url": str(folder)})
    client = connect_sync(own)
    try:
        with turn.taken(client, own) as held:
            ledger = Ledger(client, own.clickhouse_database, "test")
            yield Archive(Work(client, own, held), Store(str(folder)), ledger, watch)
    finally:
        client.close()


def partition(archive: Archive, table: str, name: str) -> Partition:
    """One partition."""
    found = partitions(archive.work.client, archive.work.settings)
    return next(each for each in found if (each.table.name, each.name) == (table, name))


def count(client: Client, table: str, where: str = "1") -> int:
    """Rows of a table."""
    return int(client.query(f"SELECT count() FROM {table} WHERE {where}").result_rows[0][0])


def family_rows(client: Client) -> dict[str, int]:
    """Rows of every family table of rides."""
    return {family.name: count(client, family.name) for family in FAMILIES if family.domain is RIDES}
