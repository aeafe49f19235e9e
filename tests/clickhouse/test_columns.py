"""The tables that the migrations make are the ones that follow from the event classes."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client

from clickhouse import columns, migrate, policy, statements, structure
from clickhouse.client import connect_sync
from streams.events import registry
from streams.settings import Settings
from tests.support.tables import migrated

pytestmark = pytest.mark.xdist_group("columns")  # several tests look at one migrated database
STRUCTURE = Path(structure.__file__).with_name("structure.sql")


@pytest.fixture(scope="module")
def applied(stack_settings: Settings) -> Iterator[Settings]:
    """A database that the migrations themselves have made: here they are what is looked at."""
    settings = stack_settings.model_copy(update={"clickhouse_database": f"test_{secrets.token_hex(6)}"})
    migrate.run(settings)
    yield settings
    client = connect_sync(settings, database=False)
    client.command(f"DROP DATABASE {settings.clickhouse_database} SYNC")
    client.close()


def test_what_other_tests_work_on_is_what_the_migrations_make(applied: Settings, server: Client) -> None:
    copy = applied.model_copy(update={"clickhouse_database": f"{applied.clickhouse_database}_copy"})
    for _ in range(2):  # the first one of a process is made anew, the second from its backup
        migrated(copy)
        try:
            assert structure.dump(server, copy.clickhouse_database) == structure.dump(
                server, applied.clickhouse_database
            )
            assert migrate.run(copy) == 0
        finally:
            server.command(f"DROP DATABASE {copy.clickhouse_database} SYNC")


def shown(client: Client, database: str, table: str) -> str:
    """A table as ClickHouse shows it, without its database."""
    sql = str(client.query(f"SHOW CREATE TABLE {database}.{table}").result_rows[0][0])
    return sql.replace(f"{database}.", "")


def test_migrated_tables_have_exactly_the_columns_of_the_classes(store: Settings, client: Client) -> None:
    rows = client.query(
        "SELECT table, name, type FROM system.columns WHERE database = currentDatabase() ORDER BY position"
    ).result_rows
    have: dict[str, list[tuple[str, str]]] = {}
    for table, name, kind in rows:
        have.setdefault(table, []).append((name, kind))

    for table, wanted in columns.tables().items():
        assert have[table] == [(column.name, column.clickhouse_type) for column in wanted], table


@pytest.mark.parametrize("table", [*columns.RAW, *columns.FAMILIES], ids=lambda table: table.name)
def test_a_table_made_from_the_classes_is_the_migrated_one(
    table: columns.Raw | columns.Family, store: Settings, client: Client, server: Client
) -> None:
    other = f"{store.clickhouse_database}_derived"
    server.command(f"CREATE DATABASE {other}")
    try:
        if isinstance(table, columns.Raw):
            server.command(statements.render(columns.raw_ddl(table), other))
        else:
            raw = next(raw for raw in columns.RAW if raw.domain is table.domain)
            for sql in (columns.raw_ddl(raw), columns.family_ddl(table), columns.view_ddl(table)):
                server.command(statements.render(sql, other))
            view = f"{table.name}_mv"
            assert shown(server, other, view) == shown(client, store.clickhouse_database, view)
        for sql in policy.alterations(policy.create_queries(server, other), store, lambda held: False):
            server.command(statements.render(sql, other))
        assert shown(server, other, table.name) == shown(client, store.clickhouse_database, table.name)
    finally:
        server.command(f"DROP DATABASE {other} SYNC")


def test_structure_sql_is_what_the_migrations_make(applied: Settings, server: Client) -> None:
    assert structure.dump(server, applied.clickhouse_database) == STRUCTURE.read_text(), (
        "run `millrace migrate dump > clickhouse/structure.sql` against a freshly migrated database"
    )


def test_every_ride_event_has_a_family() -> None:
    taken = [spec.name for family in columns.FAMILIES for spec in family.specs]

    assert len(taken) == len(set(taken))
    assert {spec.name for spec in registry.events.values() if spec.domain.name == "rides"} <= set(taken)


def test_alterations_lead_from_an_older_table_to_the_classes(store: Settings, client: Client) -> None:
    client.command("ALTER TABLE trip_events DROP COLUMN fare")
    rows = client.query(
        "SELECT name, type FROM system.columns WHERE database = currentDatabase() AND table = 'trip_events'"
    ).result_rows
    have = {str(name): str(kind) for name, kind in rows}

    for sql in columns.alterations("trip_events", have):
        client.command(statements.render(sql, store.clickhouse_database))

    rows = client.query(
        "SELECT name FROM system.columns WHERE database = currentDatabase() AND table = 'trip_events'"
    ).result_rows
    assert [name for (name,) in rows] == [column.name for column in columns.tables()["trip_events"]]
    assert (
        columns.alterations("trip_events", {c.name: c.clickhouse_type for c in columns.tables()["trip_events"]}) == []
    )


def test_a_changed_type_is_named_with_what_it_was() -> None:
    have = {column.name: column.clickhouse_type for column in columns.tables()["events"]} | {"quantity": "UInt8"}

    [sql] = columns.alterations("events", have)

    assert "MODIFY COLUMN `quantity`" in sql
    assert sql.endswith("-- was UInt8")


@pytest.mark.long
def test_every_statement_may_be_executed_twice(applied: Settings, server: Client) -> None:
    before = structure.dump(server, applied.clickhouse_database)

    for migration in migrate.load():
        for sql in migration.statements:
            server.command(statements.render(sql, applied.clickhouse_database))

    assert structure.dump(server, applied.clickhouse_database) == before
