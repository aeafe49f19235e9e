"""What the policy asks for and ClickHouse does not do by itself: coarser columns, and drops beside a legal hold.

And a line in the log for what it has done by itself.
"""

from collections.abc import Iterator, Sequence

from clickhouse import legal, policy
from clickhouse.archive.day import DayHeld, refuse_held
from clickhouse.archive.passing import Work, drop
from clickhouse.cluster import render
from clickhouse.retention import due, rules, seen, ttl
from clickhouse.retention.due import Due, Step
from clickhouse.retention.ledger import Action, Ledger
from clickhouse.retention.partitions import Partition, in_partition, partitions
from streams.errors import ConfigurationError

_ONLY_AGES = "SETTING materialize_ttl_recalculate_only"


def apply(works: Sequence[Work], ledger: Ledger) -> list[ttl.Change]:
    """Make every table follow the policy, rows that are there too; returns what was changed.

    `works`: on every ClickHouse shard. What one of them needs is done on all nodes. Raises ConfigurationError if a
    server lacks the storage policy that the settings name.
    """
    for work in works:
        check_storage(work)
    first, cluster = works[0], works[0].settings.clickhouse_cluster
    changes = list(dict.fromkeys(change for work in works for change in drift(work)))
    for change in changes:
        first.execute(render(change.statement, first.database, cluster), materialize_ttl_after_modify=0)
        ledger.write(Action.POLICY, change.table, detail=change.what)
    for table in sorted({change.table for change in changes if " MODIFY TTL " in change.statement}):
        # Only what is known of the parts' ages is written anew, not the rows.
        for words, sync in ((f"MODIFY {_ONLY_AGES} = 1", 0), ("MATERIALIZE TTL", 2), (f"RESET {_ONLY_AGES}", 0)):
            sql = f"ALTER TABLE {{database}}.`{table}` {words}"
            first.execute(render(sql, first.database, cluster), mutations_sync=sync)
    return changes


def drift(work: Work) -> list[ttl.Change]:
    """Where the live tables are not as the policy says."""
    work.catch_up("legal_holds")
    holds = legal.active(work.client, work.database)
    queries = policy.create_queries(work.client, work.database)
    known = rules.load(work.settings)
    return list(ttl.changes(queries, known, work.settings, lambda table: legal.touched(holds, table)))


def check_storage(work: Work) -> None:
    """Raise ConfigurationError if the server does not have the storage policy, or that has no volume `cold`."""
    wanted = work.settings.clickhouse_storage_policy
    if wanted and not work.one(
        "SELECT count() FROM system.storage_policies "
        "WHERE policy_name = {policy:String} AND volume_name = {cold:String}",
        policy=wanted,
        cold=ttl.COLD,
    ):
        raise ConfigurationError(
            f"CLICKHOUSE_STORAGE_POLICY={wanted}: the server has no such policy with a volume `{ttl.COLD}`; add it to "
            "the server's configuration with the volumes `default` and `cold`, or unset it to have one tier"
        )


def work_due(work: Work) -> list[Due]:
    """What this job would do now: partitions to make coarser, and expired ones that no TTL takes."""
    known, today = rules.load(work.settings), work.today()
    holds = legal.active(work.client, work.database)
    queries = policy.create_queries(work.client, work.database)
    by_ttl = {live.name for live in ttl.tables(queries) if ttl.drops(live.ttl)}
    found = due.due(partitions(work.client, work.settings), known, work.settings, holds, today)
    return [
        each
        for each in found
        if (each.step is Step.COARSEN and _has_values(work, each.partition, each.columns))
        or (each.step is Step.EXPIRE and each.partition.table.name not in by_ttl)
    ]


def run(work: Work, ledger: Ledger) -> Iterator[tuple[Due, str]]:
    """Note what ClickHouse has done since the last run, then do it; each step with why it was not done, else empty."""
    seen.note(work, ledger)
    for each in work_due(work):
        partition = each.partition
        try:
            refuse_held(work, partition)
        except DayHeld as held:
            ledger.write(Action.REFUSED, partition.table.name, partition.name, partition.rows, detail=str(held))
            yield each, str(held)
            continue
        if each.step is Step.COARSEN:
            _coarsen(work, ledger, partition, each.columns)
        else:
            drop(work, partition.table.name, partition.id)
            ledger.write(Action.DROP, partition.table.name, partition.name, partition.rows, partition.bytes)
        yield each, ""


def _coarsen(work: Work, ledger: Ledger, partition: Partition, columns: Sequence[str]) -> None:
    table, name = partition.table.name, partition.name
    rows = _has_values(work, partition, columns)
    values = ", ".join(f"`{column}` = NULL" for column in columns)
    work.execute(
        f"ALTER TABLE {work.table(table)} UPDATE {values} IN PARTITION ID '{partition.id}' WHERE {_any(columns)}",
        mutations_sync=1,  # other replicas of a shard follow when they can
    )
    ledger.write(Action.COARSEN, table, name, rows, detail=", ".join(columns))


def _has_values(work: Work, partition: Partition, columns: Sequence[str]) -> int:
    """Rows of the partition of which one of the columns still has a value."""
    table = work.table(partition.table.name)
    return int(work.one(f"SELECT count() FROM {table} WHERE {in_partition(partition)} AND ({_any(columns)})"))


def _any(columns: Sequence[str]) -> str:
    return " OR ".join(f"`{column}` IS NOT NULL" for column in columns)
