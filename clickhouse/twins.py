"""The reading database of a cluster: for every local table and view a twin that reads all nodes."""

from collections.abc import Mapping
from typing import NamedTuple

from clickhouse_connect.driver.client import Client

from clickhouse.cluster import ALL, reading, render
from clickhouse.lock import PREFIX
from streams.settings import Settings

_OBJECTS = """
SELECT name, engine, create_table_query, as_select, engine_full
FROM system.tables
WHERE database = {database:String} AND NOT startsWith(name, {lock:String}) AND NOT startsWith(name, '.')
ORDER BY engine = 'View', name
"""
_COLUMNS = """
SELECT table, groupArray((name, type)) FROM
(SELECT table, name, type FROM system.columns WHERE database = {database:String} ORDER BY table, position)
GROUP BY table
"""


class Object(NamedTuple):
    """A table or view, as ClickHouse shows it."""

    engine: str
    create: str
    select: str
    engine_full: str
    columns: tuple[tuple[str, str], ...]


def follow(client: Client, settings: Settings) -> list[str]:
    """Let the twins follow the local tables; returns the statements that this took, none without a cluster.

    A twin keeps no rows, so it is made anew where it differs, in one step.
    """
    cluster = settings.clickhouse_cluster
    if not cluster:
        return []
    database = settings.clickhouse_database
    done = [render(f"CREATE DATABASE IF NOT EXISTS {{database}}{ALL}", database, cluster)]
    client.command(done[0])
    local, twins = objects(client, database), objects(client, database + ALL)
    done = behind(local, twins, database, cluster)
    for sql in done:
        client.command(sql, use_database=False)
    return done


def objects(client: Client, database: str) -> dict[str, Object]:
    """Tables by name, views after them."""
    columns = {table: tuple(pairs) for table, pairs in client.query(_COLUMNS, {"database": database}).result_rows}
    rows = client.query(_OBJECTS, {"database": database, "lock": PREFIX}).result_rows
    return {
        str(name): Object(engine, create, select, full, columns.get(name, ()))
        for name, engine, create, select, full in rows
    }


def behind(local: Mapping[str, Object], twins: Mapping[str, Object], database: str, cluster: str) -> list[str]:
    """The statements that make what is missing or differs, and drop the twins of what is gone."""
    found = []
    wanted = set()
    for name, own in local.items():
        sql = reading(name, own.engine, own.create, own.select, database, cluster)
        if sql is None:
            continue
        wanted.add(name)
        if name not in twins or not _follows(own, twins[name], sql):
            found.append(sql)
    gone = [
        render(
            f"DROP {'VIEW' if twins[name].engine == 'View' else 'TABLE'} {{database}}{ALL}.{name}", database, cluster
        )
        for name in sorted(twins.keys() - wanted)
    ]
    return found + gone


def _follows(own: Object, twin: Object, sql: str) -> bool:
    """Whether the twin is what `sql` would make: the same columns, the same engine over the same table, or query."""
    if own.engine == "View":
        return sql.endswith(f" AS {twin.select}")
    _, _, engine = sql.rpartition("ENGINE = ")
    return twin.columns == own.columns and twin.engine_full == engine
