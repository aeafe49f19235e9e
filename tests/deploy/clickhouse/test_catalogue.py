"""Statements that ask for query ids are turned to the views that know the clients' ids, and no others."""

import pytest

from deploy.local.clickhouse.catalogue import killing, translated


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT * FROM system.processes", "SELECT * FROM system.client_processes"),
        ("SELECT * FROM `system` . `query_log` q", "SELECT * FROM system.client_query_log q"),
        ("SELECT 'system.processes'", "SELECT 'system.processes'"),
        ("SELECT processes FROM system.merges -- system.query_log", None),
        ("SELECT * FROM my.processes", None),
        ("SELECT 1", None),
    ],
)
def test_translated(text: str, expected: str | None) -> None:
    assert translated(text.encode(), []).decode() == (expected or text)


def test_waiting_ids_are_added() -> None:
    found = translated(b"SELECT query_id FROM system.processes WHERE 1", ["it's"]).decode()
    assert "client_waiting(ids=['it\\'s'])" in found
    assert found.endswith(" WHERE 1")


def test_killing_by_the_clients_id() -> None:
    found = killing(b"KILL QUERY WHERE query_id = 'query_id' SYNC").decode()
    assert "log_comment" in found
    assert found.endswith("= 'query_id' SYNC")
