"""What of the tables follows the settings, not the migrations: how long rows stay, and how safely they are written."""

from collections.abc import Mapping

from clickhouse_connect.driver.client import Client

from clickhouse import legal
from clickhouse.cluster import render
from clickhouse.retention import rules, ttl
from streams.settings import Settings

PASSING = "passing_"
"""Tables of this prefix are made and dropped again by a job; no policy is about them."""

_WINDOW = "deduplication_window = "
_FSYNC = "fsync_after_insert = "


def adjust(client: Client, settings: Settings) -> list[str]:
    """Let every table follow the retention policy and CLICKHOUSE_FSYNC; returns the statements that this took.

    Rewrites nothing: parts written before a change of TTL follow it once `millrace retention apply` has run.
    """
    database = settings.clickhouse_database
    held = legal.parsed(client.query(legal.touching_query(database)).result_rows)
    wanted = alterations(create_queries(client, database), settings, lambda table: legal.touched(held, table))
    done = [render(sql, database, settings.clickhouse_cluster) for sql in wanted]
    for sql in done:
        client.command(sql, settings={"materialize_ttl_after_modify": 0}, use_database=False)
    return done


def create_queries(client: Client, database: str) -> dict[str, str]:
    """The CREATE statement of every table that keeps rows, by name."""
    rows = client.query(
        "SELECT name, create_table_query FROM system.tables "
        "WHERE database = {database:String} AND engine LIKE '%MergeTree' AND NOT startsWith(name, {own:String}) "
        "ORDER BY name",
        parameters={"database": database, "own": PASSING},
    ).result_rows
    return {str(name): str(sql) for name, sql in rows}


def alterations(create_queries: Mapping[str, str], settings: Settings, held: ttl.Held) -> list[str]:
    """The statements that tables with these CREATE statements need so that they follow the settings."""
    found = [change.statement for change in ttl.changes(create_queries, rules.load(settings), settings, held)]
    wanted = int(settings.clickhouse_fsync)
    for table, sql in create_queries.items():
        # Only the tables that the stream feeds have a window.
        if _WINDOW in sql and wanted != (f"{_FSYNC}1" in sql):
            found.append(
                f"ALTER TABLE {{database}}.{table} MODIFY SETTING fsync_after_insert = {wanted}, "
                f"fsync_part_directory = {wanted}"
            )
    return found
