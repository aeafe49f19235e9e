"""Whether ClickHouse still holds what the log of intents says was delivered; it does not once a backup was restored.

A batch is proposed only when every row of the one before it is in ClickHouse. So of the records after the witness's own
only the last may lack rows, and what it supersedes. Should another one lack them, ClickHouse has lost data: it was
restored from a backup, replaced by an empty server, or its machine went down with rows that were not on disk.
"""

from collections import deque

import msgspec

from agents.judge import LOST
from clickhouse.witness import Witness
from streams.errors import WitnessBehind
from streams.intent import Intent

LOOKED_AT = 100
"""Records that are looked at, the newest: what was lost was lost up to the end."""


class Passed:
    """Valid records after the one that ClickHouse testifies to, in the order of the log."""

    def __init__(self, anchor: Intent | None) -> None:
        """`anchor`: the record that ClickHouse testifies to; None: the log is read from its first one on."""
        self._reached = anchor.ends if anchor is not None else None
        self._kept: deque[Intent] = deque(maxlen=LOOKED_AT + 1)

    def take(self, record: Intent) -> None:
        """The next valid record. A repair that began a chain where the rows end has taken care of all before it."""
        if self._reached is None:
            self._reached = record.starts
        if record.begins and self._follows(record, self._reached):
            self._kept.clear()
        elif record.missing is not None and self._kept:
            self._kept.pop()
        # A verdict may be long, and says nothing about where rows are.
        self._kept.append(msgspec.structs.replace(record, verdict={}))

    @staticmethod
    def _follows(record: Intent, reached: dict[str, int]) -> bool:
        return all(
            start <= reached.get(topic, start) or LOST in record.verdict.get(topic, {})
            for topic, start in record.starts.items()
        )

    @property
    def delivered(self) -> list[Intent]:
        """Those whose rows must all be there, newest first: all but the last one."""
        return list(self._kept)[-2::-1]


async def lacking(shard: int, records: list[Intent], witness: Witness) -> tuple[Intent, str, int] | None:
    """The first of these records of which a table lacks rows, with the table and how many it holds; None if none does.

    Raises SinkUnavailable.
    """
    for record in records:
        for table, wanted in record.rows.items():
            if wanted and (found := await witness.count(table, shard, record)) < wanted:
                return record, table, found
    return None


async def check_held(shard: int, records: list[Intent], witness: Witness) -> None:
    """Raise WitnessBehind if ClickHouse lacks rows of one of these records; also SinkUnavailable."""
    if found := await lacking(shard, records, witness):
        raise WitnessBehind(f"shard {shard}: {told(*found)}. Stop the workers and run `millrace intents repair`")


def told(record: Intent, table: str, found: int) -> str:
    """What is wrong, in words."""
    return (
        f"the log says that record {record.seq} was delivered with {record.rows[table]} rows of {table}, but "
        f"ClickHouse holds {found}: it was restored or lost data"
    )
