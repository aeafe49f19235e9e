"""The log of retention: one line for each thing that moved, changed or went, or came back."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
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
    COARSEN = "coarsen"
    """Columns of a partition lost their values."""
    ARCHIVE = "archive"
    """A partition was written to files."""
    VERIFY = "verify"
    """Files were read back, and were what had been written."""
    DROP = "drop"
    """A partition left ClickHouse."""
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


@dataclass
class Ledger:
    """Writes the lines of one run of a command. Raises ClickHouse's errors."""

    client: Client
    database: str
    actor: str
    run: str = field(default_factory=lambda: uuid4().hex[:12])

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
        values = [self.run, self.actor, str(action), table, partition, rows, size, rowhash, detail]
        self.client.insert(
            f"{self.database}.retention_log",
            [values],
            list(_COLUMNS),
            column_type_names=list(_COLUMNS.values()),
            settings={"async_insert": 0},
        )

    def restored(self) -> dict[tuple[str, str], str]:
        """Partitions (table, partition) that were brought back, with the day until which they stay."""
        rows = self._query(
            "SELECT relation, partition, argMax(detail, at) FROM {database:Identifier}.retention_log "
            "WHERE action IN ('restore', 'drop') GROUP BY relation, partition HAVING argMax(action, at) = 'restore'",
        )
        return {(table, partition): until for table, partition, until in rows}

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
