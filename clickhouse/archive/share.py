"""Which rows of the archive are those of one ClickHouse shard of a cluster, and how a day leaves a replicated table.

A day is archived by each ClickHouse shard for itself, into runs of its own; a run says of which Kafka shards its rows
are, and those of n lie on ClickHouse shard n modulo their number, also when there are more of them some day.
"""

from collections.abc import Sequence
from typing import NamedTuple

from clickhouse.archive.manifest import Manifest
from clickhouse.archive.passing import Work

COLUMN = "shard"
"""The Kafka shard of a row."""


class Share(NamedTuple):
    """The part of the rows that a ClickHouse shard has."""

    number: int = 0
    """Of the ClickHouse shard, from 0, in the order of the addresses."""
    of: int = 1

    def has(self, manifest: Manifest) -> bool:
        """Whether a run may have rows of this shard."""
        return manifest.shards is None or any(shard % self.of == self.number for shard in manifest.shards)

    def of_others(self, columns: Sequence[str]) -> str:
        """The condition that a row lies on another shard; of a table that does not tell, all lie on the first."""
        if COLUMN in columns:
            return f"`{COLUMN}` % {self.of} != {self.number}"
        return "0" if self.number == 0 else "1"


WHOLE = Share()
"""All of them: of a single server."""


def leave_own(work: Work, table: str, share: Share, columns: Sequence[str]) -> None:
    """Delete from a table of this node the rows of other ClickHouse shards."""
    if share.of > 1:
        work.execute(f"ALTER TABLE {work.table(table)} DELETE WHERE {share.of_others(columns)}", mutations_sync=1)


def parts_of(work: Work, table: str, partition_id: str) -> list[str]:
    """The names of the parts of a partition, in order."""
    rows = work.client.query(
        "SELECT name FROM system.parts WHERE database = {database:String} AND table = {table:String} "
        "AND partition_id = {id:String} AND active AND rows > 0 ORDER BY name",
        parameters={"database": work.database, "table": table, "id": partition_id},
    ).result_rows
    return [str(name) for (name,) in rows]


def in_parts(names: Sequence[str]) -> str:
    """The condition that a row lies in one of the parts."""
    quoted = ", ".join(f"'{name}'" for name in names)
    return f"_part IN ({quoted})" if names else "0"


def drop_parts(work: Work, table: str, names: Sequence[str]) -> None:
    """Drop exactly these parts; a row that came later is in another one, and stays.

    Raises ClickHouse's error where one was merged meanwhile: then it has become another part, whose rows all stay.
    """
    for name in names:
        # 1: other replicas follow when they can.
        work.execute(f"ALTER TABLE {work.table(table)} DROP PART '{name}'", alter_sync=1, max_partition_size_to_drop=0)
