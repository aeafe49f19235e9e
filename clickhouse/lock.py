"""One process at a time migrates, or archives: a lock made of numbered tables, since ClickHouse has none.

Creating a table is atomic, so of any number of processes that create `<prefix><n>` exactly one succeeds.
The lock is held by whoever created the table with the highest number. It is free when its holder has logged
`released`, or is stale when the holder has logged nothing for LEASE_SECONDS by ClickHouse's clock and no statement
of it runs. Both ways the next one takes it by creating number n + 1, never by removing n: a slow contender that
still believes in n can then take nothing away from its new holder. The table with the highest number stays for ever.

In a cluster the tables are made and dropped ON CLUSTER: the queue of distributed statements is one order for all nodes,
so of two processes that create number n, on whatever nodes, one is refused on all of them. The log of steps is on
every node, and is caught up with before it is read.

A former holder that wakes up sees the higher number before its next statement and stops. The one statement that it
may have had on the way is harmless, because every statement of a migration may be executed twice. (An archive job moves
rows aside before it drops them, and looks at them again in between.)
"""

import os
import secrets
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from clickhouse import cluster as clusters
from streams.errors import SinkUnavailable

LEASE_SECONDS = 10.0
"""A holder silent for longer has lost the lock, unless a statement of it still runs."""

PREFIX = "migration_lock_"
TABLE_ALREADY_EXISTS = 57


@dataclass(frozen=True, slots=True)
class Kind:
    """What a lock is about."""

    prefix: str
    """Of the numbered tables."""
    log: str
    """Table of its log, with columns state, lock, owner and at."""
    lease_seconds: float


MIGRATION = Kind(PREFIX, "migrations", LEASE_SECONDS)
RETENTION = Kind("retention_lock_", "retention_locks", 60.0)
"""Archive, restore and erasure; renewed every few seconds by `clickhouse.retention.turn`."""

LOG = """
CREATE TABLE IF NOT EXISTS {database}.migrations
(
    `migration` String COMMENT 'name of the file; empty for the lock itself',
    `statement` UInt16 COMMENT 'number of the statement in the file, from 1',
    `statements` UInt16 COMMENT 'how many statements the file has',
    `statement_checksum` String COMMENT 'SHA-256 of the statement without comments',
    `file_checksum` String COMMENT 'SHA-256 of the file',
    `state` LowCardinality(String) COMMENT 'started, finished; held, released for the lock',
    `lock` UInt32 COMMENT 'number of the lock under which this was done',
    `owner` String COMMENT 'host/process/random word',
    `at` DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY (migration, statement, at)
COMMENT 'What was migrated, by whom and when'
"""


class Line(NamedTuple):
    """A line of a log; about the lock itself unless it names a migration."""

    state: str
    migration: str = ""
    statement: int = 0
    statements: int = 0
    statement_checksum: str = ""
    file_checksum: str = ""


class LockLost(SinkUnavailable):
    """Another process has taken the lock over. Wait for it like any other, then see what is left to do."""


def new_owner() -> str:
    """A name for this process as holder of the lock; it begins the query ids of its statements."""
    return f"{socket.gethostname()}/{os.getpid()}/{secrets.token_hex(4)}"


@dataclass
class Lock:
    """The lock as held by `owner`; `claim` makes one."""

    client: Client
    database: str
    number: int
    owner: str
    kind: Kind = MIGRATION
    cluster: str | None = None
    queries: int = field(default=0)

    def log(self, *lines: Line) -> None:
        """Write lines into the lock's log, all or none, which renews the lease too."""
        write(self.client, self.database, lines, self.number, self.owner, self.kind)

    def check(self) -> None:
        """Raise LockLost if another process has taken the lock over."""
        if _highest(self.client, self.database, self.kind) != self.number:
            raise LockLost(f"{self.owner} was silent for so long that another process has taken its turn")

    def execute(self, sql: str, settings: Mapping[str, Any] | None = None) -> None:
        """Execute one statement, unless another process has taken the lock over; then LockLost."""
        self.check()
        self.queries += 1
        own = {"query_id": f"{self.owner}/{self.queries}"}
        self.client.command(sql, settings={**(settings or {}), **own}, use_database=False)

    def release(self) -> None:
        """Let the next process have it."""
        self.log(Line("released"))


def write(client: Client, database: str, lines: Sequence[Line], lock: int, owner: str, kind: Kind = MIGRATION) -> None:
    """Insert lines into the log of a lock, as one block."""
    columns, types = ["state"], ["String"]
    if any(line.migration for line in lines):
        columns = [*Line._fields]
        types = ["String", "String", "UInt16", "UInt16", "String", "String"]
    client.insert(
        f"{database}.{kind.log}",
        [[*line[: len(columns)], lock, owner] for line in lines],
        [*columns, "lock", "owner"],
        column_type_names=[*types, "UInt32", "String"],
        settings={"async_insert": 0},
    )


def caught_up(client: Client, database: str, cluster: str | None, kind: Kind = MIGRATION) -> bool:
    """True once this node's log has all that any node logged; at once where there is one node.

    Raises DatabaseError if the node has lost the Keeper.
    """
    if cluster:
        client.command(f"SYSTEM SYNC REPLICA {database}.{kind.log}", use_database=False)
    return True


def claim(
    client: Client,
    database: str,
    owner: str,
    lease_seconds: float | None = None,
    kind: Kind = MIGRATION,
    cluster: str | None = None,
) -> Lock | None:
    """Take the lock if it is free or stale; None while another process holds it."""
    lease = kind.lease_seconds if lease_seconds is None else lease_seconds
    top = _highest(client, database, kind)
    if top and _is_held(client, database, top, lease, kind, cluster):
        return None
    number = top + 1
    table = f"CREATE TABLE {{database}}.{kind.prefix}{number} (`owner` String) ENGINE = Null COMMENT '{owner}'"
    try:
        client.command(clusters.render(table, database, cluster))
    except DatabaseError as error:
        if error.code == TABLE_ALREADY_EXISTS:
            return None
        raise
    if _highest(client, database, kind) != number:
        # While we looked, others took and passed on higher numbers: ours was free again, but means nothing.
        _drop(client, database, kind, number, cluster)
        return None
    lock = Lock(client, database, number, owner, kind, cluster)
    lock.log(Line("held"))
    for older in _numbers(client, database, kind):
        if older < number:
            _drop(client, database, kind, older, cluster)
    return lock


def _drop(client: Client, database: str, kind: Kind, number: int, cluster: str | None) -> None:
    client.command(clusters.render(f"DROP TABLE IF EXISTS {{database}}.{kind.prefix}{number}", database, cluster))


def holder(client: Client, database: str, kind: Kind = MIGRATION) -> str:
    """Who took the lock last, for messages."""
    rows = _rows(client, f"SELECT owner FROM {database}.{kind.log} WHERE state = 'held' ORDER BY lock DESC LIMIT 1", {})
    return str(rows[0][0]) if rows else "unknown"


def _is_held(client: Client, database: str, number: int, lease_seconds: float, kind: Kind, cluster: str | None) -> bool:
    [(released, logged_age, owner)] = _rows(
        client,
        f"""
        SELECT countIf(state = 'released'),
               dateDiff('millisecond', max(at), now64(3, 'UTC')),
               any(owner)
        FROM {database}.{kind.log} WHERE lock = {{number:UInt32}}
        """,
        {"number": number},
    )
    if released:
        return False
    created = _rows(
        client,
        """
        SELECT dateDiff('millisecond', toDateTime64(metadata_modification_time, 3), now64(3)), comment
        FROM system.tables WHERE database = {database:String} AND name = {name:String}
        """,
        {"database": database, "name": f"{kind.prefix}{number}"},
    )
    if not created:
        return True
    age = min(logged_age, created[0][0]) if owner else created[0][0]
    if age < lease_seconds * 1000:
        return True
    running = _rows(
        client,
        f"SELECT count() FROM {clusters.everywhere('system.processes', cluster)} "
        "WHERE startsWith(query_id, {owner:String})",
        {"owner": f"{owner or created[0][1]}/"},
    )
    return bool(running[0][0])


def _highest(client: Client, database: str, kind: Kind) -> int:
    return max(_numbers(client, database, kind), default=0)


def _numbers(client: Client, database: str, kind: Kind) -> list[int]:
    rows = _rows(
        client,
        "SELECT name FROM system.tables WHERE database = {database:String} AND startsWith(name, {prefix:String})",
        {"database": database, "prefix": kind.prefix},
    )
    return [int(name.removeprefix(kind.prefix)) for (name,) in rows]


def _rows(client: Client, sql: str, parameters: dict[str, Any]) -> Sequence[Sequence[Any]]:
    return client.query(sql, parameters=parameters).result_rows
