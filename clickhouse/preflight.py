"""Before a worker starts: is ClickHouse what the delivery rests on? Every refusal says what to do."""

import re
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from clickhouse_connect.driver.asyncclient import AsyncClient

from clickhouse import legal, migrate, policy
from clickhouse.client import FRESH, classify, insert_settings
from clickhouse.cluster import everywhere
from clickhouse.columns import WITNESSED, tables
from clickhouse.retention import ttl
from streams.errors import ConfigurationError, SchemaDrift
from streams.settings import Settings

CLOCKS_APART_SECONDS = 60
"""How far ClickHouse's clock may be from ours; `fresh` accepts rows from one minute ahead."""

PARTS_A_BATCH = 1.25
"""Parts that a batch makes in one table on average; late events make more than one."""

ANY_NODE = {"skip_unavailable_shards": 1}
"""A node that is away is looked at when it is back: workers start without it."""

APPLY = "run `millrace migrate apply`"

_TARGET = re.compile(r"\bTO `?(\w+)`?\.`?(\w+)`?")
_WINDOW = re.compile(r"(?<!\w)(non_replicated|replicated)_deduplication_window(_seconds)? = (\d+)")
_FRESH = re.compile(rf"CONSTRAINT {FRESH} CHECK .*?nowInBlock64\(\d?\) - toInterval(Second|Minute|Hour)\((\d+)\)")
_UNITS = {"Second": 1, "Minute": 60, "Hour": 3600}


class Table(NamedTuple):
    """What `system.tables` says of one table."""

    engine: str
    sql: str
    """Its CREATE statement as ClickHouse writes it."""


async def check(client: AsyncClient, settings: Settings) -> None:
    """Check reachability, clock, settings, migrations, columns, form, deduplication windows, constraint and policy.

    Raises SinkUnavailable, SchemaDrift or ConfigurationError.
    """
    database = settings.clickhouse_database
    await _check_clock(client)
    # Refused here where the user is read-only or a setting is locked, not at the first insert.
    await _query(client, "SELECT 1", settings=insert_settings(settings, "preflight"))
    if not await _query(
        client, "SELECT 1 FROM system.tables WHERE database = {d:String} AND name = 'migrations'", database
    ):
        raise SchemaDrift(f"database {database} has no tables of ours yet; {APPLY}")
    check_migrations(migrate.parse_log(await _query(client, migrate.log_query(database))))
    columns = await _query(client, "SELECT table, name, type FROM system.columns WHERE database = {d:String}", database)
    check_columns(columns)
    found = await _query(
        client, "SELECT name, engine, create_table_query FROM system.tables WHERE database = {d:String}", database
    )
    existing = {name: Table(engine, sql) for name, engine, sql in found}
    check_form(existing, settings)
    if settings.clickhouse_cluster:
        check_views(await _query(client, views_query(settings.clickhouse_cluster), database, ANY_NODE))
    check_fresh(existing, settings)
    check_windows(existing, settings)
    held = legal.parsed(await _query(client, legal.touching_query(database)))
    check_policy(existing, settings, lambda table: legal.touched(held, table))


def check_migrations(log: migrate.Log) -> None:
    """All migrations are applied, none was edited. Raises SchemaDrift or MigrationChanged."""
    pending = [state.name for state in migrate.states(log, migrate.load()) if state.word != "applied"]
    if pending:
        raise SchemaDrift(f"{len(pending)} migrations are not applied, the first is {pending[0]}; {APPLY}")


def check_columns(columns: Sequence[Sequence[Any]]) -> None:
    """Every table has the columns of the event classes; more may be there. Raises SchemaDrift with the differences."""
    have: dict[str, dict[str, str]] = {}
    for table, name, kind in columns:
        have.setdefault(table, {})[name] = kind
    wrong = []
    for table, wanted in tables().items():
        for column in wanted:
            kind = have.get(table, {}).get(column.name)
            if kind is None:
                wrong.append(f"{table}.{column.name} {column.clickhouse_type} is missing")
            elif kind != column.clickhouse_type:
                wrong.append(f"{table}.{column.name} is {kind}, not {column.clickhouse_type}")
    if wrong:
        shown = "; ".join(wrong[:5]) + (f"; and {len(wrong) - 5} more" if len(wrong) > 5 else "")
        raise SchemaDrift(
            f"the tables do not fit the event classes: {shown}. Undo the manual change, or add a migration and apply it"
        )


def check_form(existing: Mapping[str, Table], settings: Settings) -> None:
    """Tables are replicated where a cluster is named, and only there. Raises ConfigurationError.

    A worker that does not know of other replicas would take a lagging one at its word.
    """
    cluster = settings.clickhouse_cluster
    for name in WITNESSED:
        replicated = existing[name].engine.startswith("Replicated")
        if replicated and not cluster:
            raise ConfigurationError(
                f"table {name} is replicated, but CLICKHOUSE_CLUSTER is not set; set it to the cluster's name in "
                "remote_servers, so that a replica catches up before it is asked what it holds"
            )
        if cluster and not replicated:
            raise ConfigurationError(
                f"CLICKHOUSE_CLUSTER is {cluster}, but table {name} is not replicated: the database was made for a "
                "single server. Unset it, or move the rows into a new cluster as clickhouse/README.md says"
            )


def views_query(cluster: str) -> str:
    """The query whose rows `check_views` reads; {d:String} is the database."""
    return f"""
        SELECT name, groupUniqArray((uuid, hostName())) FROM {everywhere("system.tables", cluster)}
        WHERE database = {{d:String}} AND engine = 'MaterializedView'
        GROUP BY name HAVING uniqExact(uuid) > 1 ORDER BY name
    """


def check_views(differing: Sequence[Sequence[Any]]) -> None:
    """Every view has one uuid on all nodes. Raises ConfigurationError with the first that has several.

    A view's uuid is part of the token that its target remembers: with another one on another replica, a batch that is
    delivered again there is dropped by its table, as it should, and doubled in the view's target.
    """
    if differing:
        name, places = differing[0]
        listed = ", ".join(f"{uuid} on {host}" for uuid, host in sorted(places, key=str))
        raise ConfigurationError(
            f"view {name} has not one uuid on all nodes ({listed}), so a batch delivered again to another replica "
            "would double its rows; place a hold, drop the view on the nodes that were made by hand, and create it "
            'there with the uuid of the others (clickhouse/README.md, "Add a replica")'
        )


def check_fresh(existing: Mapping[str, Table], settings: Settings) -> None:
    """The tables that batches go to refuse an aged one, at the age of the settings. Raises ConfigurationError."""
    for name in WITNESSED:
        match = _FRESH.search(existing[name].sql)
        if match is None:
            raise ConfigurationError(
                f"table {name} has no constraint `{FRESH}`, so a stalled worker could insert a batch twice; "
                "add it as in clickhouse/structure.sql"
            )
        age = int(match[2]) * _UNITS[match[1]]
        if age != settings.batch_age_seconds:
            raise ConfigurationError(
                f"table {name} refuses batches older than {age} s, BATCH_AGE_SECONDS is "
                f"{settings.batch_age_seconds:g}; give both the same value"
            )


def check_windows(existing: Mapping[str, Table], settings: Settings) -> None:
    """Every table that an insert reaches remembers its tokens for long enough (R8). Raises ConfigurationError."""
    seconds = settings.batch_age_seconds + 60 + settings.clickhouse_timeout_seconds
    rate = settings.kafka_partitions / max(settings.batch_seconds, 0.05) * PARTS_A_BATCH
    for name in sorted({*WITNESSED, *_targets(existing)}):
        table = existing[name]
        replicated = table.engine.startswith("Replicated")
        prefix = "replicated" if replicated else "non_replicated"
        windows = {f"{kind}{unit}": int(value) for kind, unit, value in _WINDOW.findall(table.sql)}
        window = windows.get(prefix, 10_000 if replicated else 0)
        if window <= seconds * rate:
            raise ConfigurationError(
                f"table {name} remembers {window} parts, but {settings.kafka_partitions} shards with a batch each "
                f"{settings.batch_seconds:g} s make up to {seconds * rate:.0f} in the {seconds:g} s in which a batch "
                f"may come again; raise BATCH_SECONDS, or ALTER TABLE {name} MODIFY SETTING "
                f"{prefix}_deduplication_window = {round(seconds * rate * 1.5)}"
            )
        lasting = windows.get("replicated_seconds", 3600)
        if replicated and lasting <= seconds:
            raise ConfigurationError(
                f"table {name} remembers parts for {lasting} s, but a batch may come again for {seconds:g} s; "
                f"ALTER TABLE {name} MODIFY SETTING replicated_deduplication_window_seconds = 3600"
            )


def check_policy(existing: Mapping[str, Table], settings: Settings, held: ttl.Held) -> None:
    """Tables keep rows, and write them, as the settings say. Raises ConfigurationError."""
    ours = {name: table.sql for name, table in existing.items() if not name.startswith(policy.PASSING)}
    needed = policy.alterations(ours, settings, held)
    if needed:
        raise ConfigurationError(
            f"{len(needed)} changes are missing before the tables follow the retention policy (METRICS_RETENTION_DAYS="
            f"{settings.metrics_retention_days}, METRICS_COLD_DAYS={settings.metrics_cold_days}) and "
            f"CLICKHOUSE_FSYNC={settings.clickhouse_fsync}, the first: {needed[0]}; {APPLY}, which adjusts them"
        )


def _targets(existing: Mapping[str, Table]) -> set[str]:
    """The tables that materialized views write to."""
    views = (table.sql for table in existing.values() if table.engine == "MaterializedView")
    return {match[2] for sql in views if (match := _TARGET.search(sql)) and match[2] in existing}


async def _check_clock(client: AsyncClient) -> None:
    before = time.time()
    [(theirs,)] = await _query(client, "SELECT toUnixTimestamp64Milli(now64(3)) / 1000")
    apart = theirs - (before + time.time()) / 2
    if abs(apart) > CLOCKS_APART_SECONDS:
        raise ConfigurationError(
            f"ClickHouse's clock is {apart:+.0f} s from this machine's; set both by NTP, they may differ by "
            f"{CLOCKS_APART_SECONDS} s"
        )


async def _query(
    client: AsyncClient, sql: str, database: str = "", settings: dict[str, Any] | None = None
) -> Sequence[Sequence[Any]]:
    try:
        return (await client.query(sql, parameters={"d": database}, settings=settings)).result_rows
    except Exception as error:
        raise classify(error) from error
