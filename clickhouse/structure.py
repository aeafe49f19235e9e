"""The schema as ClickHouse holds it, as one text: what a reviewer reads, and what a test holds the migrations to."""

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from clickhouse.client import classify
from clickhouse.lock import PREFIX, RETENTION

HEAD = """\
-- The schema after all migrations, as ClickHouse shows it; the database is named `{database}`.
-- Written by `millrace migrate dump > clickhouse/structure.sql`; edit a migration, not this file.
"""


def dump(client: Client, database: str) -> str:
    """Tables in the order of their names, then views. Raises as `classify` says."""
    try:
        names = client.query(
            "SELECT name FROM system.tables WHERE database = {database:String} "
            "AND NOT match(name, {lock:String}) AND NOT startsWith(name, '.') "
            "ORDER BY engine = 'MaterializedView', name",
            parameters={"database": database, "lock": f"^({PREFIX}|{RETENTION.prefix})[0-9]+$"},
        ).result_rows
        shown = [str(client.query(f"SHOW CREATE TABLE {database}.{name}").result_rows[0][0]) for (name,) in names]
    except ClickHouseError as error:
        raise classify(error) from error
    parts = [sql.replace(f" {database}.", " {database}.").rstrip() + ";\n" for sql in shown]
    return "\n".join([HEAD, *parts])
