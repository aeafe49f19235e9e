"""What of the tables follows the settings, not the migrations: how long rows stay, and how safely they are written."""

import re
from collections.abc import Mapping

from clickhouse_connect.driver.client import Client

from clickhouse.cluster import render
from streams.settings import Settings

MARGIN_DAYS = 2
"""Rows outlive the oldest event that validation accepts, so that none can go before its batch was counted."""

_TTL = re.compile(r"\bTTL toDate\((\w+)\) \+ toIntervalDay\((\d+)\)")
_WINDOW = "deduplication_window = "
_FSYNC = "fsync_after_insert = "


def adjust(client: Client, settings: Settings) -> list[str]:
    """Let every table follow METRICS_COLD_DAYS and CLICKHOUSE_FSYNC; returns the statements that this took.

    A shorter or longer TTL rewrites nothing: whole parts are dropped, or kept, by the new rule from then on.
    """
    rows = client.query(
        "SELECT name, create_table_query FROM system.tables "
        "WHERE database = {database:String} AND engine LIKE '%MergeTree' ORDER BY name",
        parameters={"database": settings.clickhouse_database},
    ).result_rows
    existing = {str(name): str(sql) for name, sql in rows}
    done = [
        render(sql, settings.clickhouse_database, settings.clickhouse_cluster)
        for sql in alterations(existing, settings)
    ]
    for sql in done:
        client.command(sql, settings={"materialize_ttl_after_modify": 0}, use_database=False)
    return done


def alterations(create_queries: Mapping[str, str], settings: Settings) -> list[str]:
    """The statements that tables with these CREATE statements need so that they follow the settings."""
    days = settings.metrics_cold_days + MARGIN_DAYS
    found = [
        f"ALTER TABLE {{database}}.{table} MODIFY TTL toDate({column}) + INTERVAL {days} DAY"
        for table, (column, current) in days_kept(create_queries).items()
        if current != days
    ]
    wanted = int(settings.clickhouse_fsync)
    for table, sql in create_queries.items():
        # Only the tables that the stream feeds have a window.
        if _WINDOW in sql and wanted != (f"{_FSYNC}1" in sql):
            found.append(
                f"ALTER TABLE {{database}}.{table} MODIFY SETTING fsync_after_insert = {wanted}, "
                f"fsync_part_directory = {wanted}"
            )
    return found


def days_kept(create_queries: Mapping[str, str]) -> dict[str, tuple[str, int]]:
    """Per table with a TTL by day the column and the days, read from its CREATE statement.

    >>> days_kept({"a": "... TTL toDate(occurred_at) + toIntervalDay(732) SETTINGS ..."})
    {'a': ('occurred_at', 732)}
    """
    found = {}
    for table, sql in create_queries.items():
        if match := _TTL.search(sql):
            found[table] = (match[1], int(match[2]))
    return found
