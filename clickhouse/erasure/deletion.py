"""Delete rows of a person from several tables at once, and see that they are gone: in a cluster from every replica."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clickhouse_connect.driver.exceptions import ClickHouseError

from clickhouse.archive.passing import Work
from clickhouse.cluster import everywhere
from clickhouse.erasure.receipt import Place
from clickhouse.legal import LegalHold
from streams.errors import InvariantBroken, SinkUnavailable

UNDERWAY = "underway"
POLL_SECONDS = 0.1
LAG_SECONDS = 600.0
"""So long a replica may still have rows that it was told to delete."""


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of the person in one table of one ClickHouse shard."""

    work: Work
    table: str
    free: str
    """The condition of those that no hold covers."""
    given: Mapping[str, Any]
    """Parameters of the condition."""
    total: int
    rows: int
    """Those that no hold covers."""
    holds: tuple[LegalHold, ...]

    @property
    def place(self) -> Place:
        """What the receipt says of it."""
        kept = self.total - self.rows
        return Place(where=self.table, rows=self.rows, kept=kept, holds=[hold.name for hold in self.holds if kept])


def delete(works: Sequence[Work], parts: Sequence[Part]) -> None:
    """Delete from several tables at once, and return when all is done, on every replica."""
    for part in parts:
        if not part.rows:
            continue
        part.work.lock.check()
        # Not as a command, whose parameters would stand in the URL: with many ids it would be too long.
        part.work.client.raw_query(
            f"ALTER TABLE {part.work.table(part.table)} DELETE WHERE {part.free}",
            parameters=dict(part.given),
            settings={"mutations_sync": 0},
        )
    cluster = works[0].settings.clickhouse_cluster
    try:
        _wait(works, parts, cluster)
        for part in parts:
            if cluster is None or part.work is works[0]:  # in a cluster one asks for all
                _see_gone(works, part, cluster)
    except ClickHouseError as error:
        if not cluster:
            raise
        raise SinkUnavailable(
            f"a replica of cluster {cluster} does not say whether it has deleted the rows: {error}. The others have "
            "been told, and so will be this one when it is back; then run this again, which gives the receipt"
        ) from error


def _wait(works: Sequence[Work], parts: Sequence[Part], cluster: str | None) -> None:
    """Return when no deletion that a replica knows of is under way."""
    tables = sorted({part.table for part in parts})
    while fault := _unfinished(works, tables, cluster):
        if fault != UNDERWAY:
            raise SinkUnavailable(f"ClickHouse cannot delete rows: {fault}; mend that, it goes on by itself")
        time.sleep(POLL_SECONDS)


def _unfinished(works: Sequence[Work], tables: Sequence[str], cluster: str | None) -> str:
    """What keeps deletions from being done, on any replica: UNDERWAY or a fault; empty if all are."""
    sql = (
        f"SELECT latest_fail_reason FROM {everywhere('system.mutations', cluster)} "
        "WHERE database = {database:String} AND table IN {tables:Array(String)} AND NOT is_done "
        "ORDER BY latest_fail_reason DESC LIMIT 1"
    )
    for work in works[:1] if cluster else works:
        rows = work.client.query(sql, parameters={"database": work.database, "tables": list(tables)}).result_rows
        if rows:
            return str(rows[0][0]) or UNDERWAY
    return ""


def _see_gone(works: Sequence[Work], part: Part, cluster: str | None) -> None:
    """Raise InvariantBroken if rows are left; in a cluster a replica may hear of the deletion later: wait for it."""
    began = time.monotonic()
    while left := _left(part, cluster):
        if cluster is None:
            raise InvariantBroken(f"{left} rows of the person are in {part.table} still; run this again, and report it")
        if time.monotonic() - began > LAG_SECONDS:
            raise SinkUnavailable(
                f"replicas of cluster {cluster} still have {left} rows of the person in {part.table}: they lag, as "
                "system.replication_queue there shows. They delete them by themselves; run this again then, for the "
                "receipt"
            )
        time.sleep(POLL_SECONDS)
        _wait(works, [part], cluster)


def _left(part: Part, cluster: str | None) -> int:
    """Rows that are to be gone: here, and in a cluster on every replica, of a call before too."""
    if cluster is None:
        return count(part.work, part.table, part.free, part.given) if part.rows else 0
    table = f"clusterAllReplicas('{cluster}', {part.work.table(part.table)})"
    return int(part.work.one(f"SELECT count() FROM {table} WHERE {part.free}", **part.given))


def count(work: Work, table: str, condition: str, given: Mapping[str, Any]) -> int:
    """Rows of a table under a condition with these parameters."""
    return int(work.one(f"SELECT count() FROM {work.table(table)} WHERE {condition}", **given))
