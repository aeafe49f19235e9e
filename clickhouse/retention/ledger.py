"""The log of retention: one line for each thing that moved, changed or went, or came back.

What ClickHouse does by itself, by a TTL, is written by the next `millrace retention run` (seen.py): such a line says
when it was seen, and the rows and bytes of the time when the partition was noted last.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import uuid4

from clickhouse_connect.driver.client import Client

_COLUMNS = {
    "run": "String",
    "actor": "LowCardinality(String)",
    "action": "LowCardinality(String)",
    "relation": "LowCardinality(String)",
    "partition": "String",
    "rows": "UInt64",
    "bytes": "UInt64",
    "hash": "String",
    "detail": "String",
}


class Action(StrEnum):
    """What was done."""

    POLICY = "policy"
    """A table's TTL or storage policy was changed."""
    COLD = "cold"
    """A partition lies on the cold tier: ClickHouse has moved it."""
    ENDING = "ending"
    """A partition that never lay on a cold tier is to go by its TTL within days; the detail says from when."""
    GONE = "gone"
    """A partition is not there any more, and no job has dropped it; the detail says whether it was time."""
    COARSEN = "coarsen"
    """Columns of a partition lost their values."""
    ARCHIVE = "archive"
    """A partition was written to files."""
    VERIFY = "verify"
    """Files were read back, and were what had been written."""
    DROP = "drop"
    """A partition left ClickHouse, by a job."""
    RESTORE = "restore"
    """A partition came back from files; the detail is the day until which it stays."""
    FORGET_FILES = "forget_files"
    """Files of the archive went, for their age."""
    HOLD = "legal_hold"
    RELEASE = "legal_release"
    ERASE = "erase"
    """Rows of a person went, from a table or from files."""
    REFUSED = "refused"
    """Something was due, and was not done; the detail says why."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the log."""

    at: datetime
    run: str
    actor: str
    action: str
    table: str
    partition: str
    rows: int
    bytes: int
    hash: str
    detail: str


class Entry(NamedTuple):
    """What a line says, but for when and by whom."""

    action: Action
    table: str
    partition: str = ""
    rows: int = 0
    size: int = 0
    """Bytes."""
    rowhash: str = ""
    detail: str = ""


class Standing(NamedTuple):
    """A partition that was there when it was noted last."""

    is_cold: bool
    rows: int
    bytes: int


@dataclass
class Ledger:
    """Writes the lines of one run of a command. Raises ClickHouse's errors."""

    client: Client
    database: str
    actor: str
    run: str = field(default_factory=lambda: uuid4().hex[:12])
    shard: str = ""
    """In a cluster the ClickHouse shard whose partitions are written about: ` of shard 2` follows their names."""

    @property
    def place(self) -> str:
        """What follows the name of a partition."""
        return f" of shard {self.shard}" if self.shard else ""

    def write(
        self,
        action: Action,
        table: str,
        partition: str = "",
        rows: int = 0,
        size: int = 0,
        rowhash: str = "",
        detail: str = "",
    ) -> None:
        """Write one line."""
        self.write_all([Entry(action, table, partition, rows, size, rowhash, detail)])

    def write_all(self, entries: Sequence[Entry]) -> None:
        """Write a line for each, in one insert."""
        if not entries:
            return
        self.client.insert(
            f"{self.database}.retention_log",
            [[self.run, self.actor, str(each.action), *each[1:]] for each in map(self._placed, entries)],
            list(_COLUMNS),
            column_type_names=list(_COLUMNS.values()),
            settings={"async_insert": 0},
        )

    def _placed(self, entry: Entry) -> Entry:
        return entry._replace(partition=entry.partition + self.place) if entry.partition else entry

    def _own(self, partition: str) -> str | None:
        """The name of a partition of this ledger's shard, as the log has it; None for one of another shard."""
        return partition.removesuffix(self.place) if partition.endswith(self.place) else None

    def restored(self) -> dict[tuple[str, str], str]:
        """Partitions (table, partition) that were brought back here, with the day until which they stay."""
        rows = self._query(
            "SELECT relation, partition, argMax(detail, at) FROM {database:Identifier}.retention_log "
            "WHERE action IN ('restore', 'drop') GROUP BY relation, partition HAVING argMax(action, at) = 'restore'",
        )
        return {(table, name): until for table, partition, until in rows if (name := self._own(partition)) is not None}

    def standing(self) -> dict[tuple[str, str], Standing]:
        """Partitions (table, partition) that were noted on the cold tier, or as ending, and have not left since."""
        rows = self._query(
            "SELECT relation, partition, max(action = 'cold'), argMax(rows, at), argMax(bytes, at) FROM ("
            "SELECT relation, partition, action, rows, bytes, at, "
            "maxIf(at, action IN ('drop', 'gone')) OVER (PARTITION BY relation, partition) AS left_at "
            "FROM {database:Identifier}.retention_log WHERE action IN ('cold', 'ending', 'drop', 'gone')) "
            "WHERE action IN ('cold', 'ending') AND at > left_at GROUP BY relation, partition",
        )
        return {
            (table, name): Standing(bool(cold), int(count), int(size))
            for table, partition, cold, count, size in rows
            if (name := self._own(partition)) is not None
        }

    def archived(self) -> set[str]:
        """Folders of the runs that were written and not removed for their age."""
        rows = self._query(
            "SELECT detail FROM {database:Identifier}.retention_log "
            "WHERE (action IN ('archive', 'erase', 'forget_files')) AND detail LIKE 'table=%' "
            "GROUP BY detail HAVING argMax(action, at) != 'forget_files'"
        )
        return {str(folder) for (folder,) in rows}

    def newest(self, limit: int) -> list[Line]:
        """The newest lines, newest first."""
        rows = self._query(
            f"SELECT at, {', '.join(_COLUMNS)} FROM {{database:Identifier}}.retention_log "
            "ORDER BY at DESC LIMIT {limit:UInt32}",
            limit=limit,
        )
        return [Line(*row) for row in rows]

    def _query(self, sql: str, **given: Any) -> Sequence[Sequence[Any]]:
        return self.client.query(sql, parameters={"database": self.database, **given}).result_rows
