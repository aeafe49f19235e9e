"""What the server reads out of a statement: its kind, its format, and where an INSERT's data begin."""

import pytest

from deploy.local.clickhouse.failures import EngineError
from deploy.local.clickhouse.statement import Insert, Other, Read, Statement, assignments, parse


def _read(text: str) -> Statement:
    return parse(text.encode(), "TSV")


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("SELECT 1", "TSV"),
        ("select 1 format JSON", "JSON"),
        ("SELECT 1 FORMAT JSON;", "JSON"),
        ("SELECT 'x FORMAT CSV'", "TSV"),
        ("SELECT 1 -- FORMAT CSV", "TSV"),
        ("SELECT 1 /* FORMAT CSV */", "TSV"),
        ("SELECT $$ FORMAT CSV $$", "TSV"),
        ("SELECT (SELECT 1) FORMAT Native SETTINGS max_threads = 1, x = 'FORMAT CSV'", "Native"),
        ("SELECT 1 SETTINGS max_threads = 1 FORMAT CSV", "CSV"),
        ("SELECT 1 AS format", "TSV"),
        ("SELECT format FROM t", "TSV"),
        ("(SELECT 1) UNION ALL (SELECT 2) FORMAT CSV", "CSV"),
        ("WITH 1 AS x SELECT x", "TSV"),
        ("SHOW TABLES FORMAT CSV", "CSV"),
        ("DESC t", "TSV"),
        ("EXPLAIN SELECT 1", "TSV"),
    ],
)
def test_reads(text: str, form: str) -> None:
    found = _read(text)
    assert isinstance(found, Read)
    assert found.format == form
    assert form in (found.head + b" " + found.tail).decode()


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("INSERT INTO t FORMAT CSV\n1,2", "1,2"),
        ("INSERT INTO t FORMAT CSV \r\n1,2", "1,2"),
        ("INSERT INTO t FORMAT CSV\n\n1,2", "\n1,2"),
        ("insert into t (a, b) values (1, 2)", " (1, 2)"),
        ("INSERT INTO db.`format` FORMAT Native\n'", "'"),
        ("INSERT INTO db.format FORMAT Native\n\0", "\0"),
        ("INSERT INTO TABLE FUNCTION file('x', 'CSV') FORMAT CSV\nx", "x"),
        ("INSERT INTO t SETTINGS a = 1, b = 'FORMAT x' FORMAT JSONEachRow {}", "{}"),
        ("INSERT INTO t FORMAT JSONEachRow SELECT 1", "SELECT 1"),
        ("INSERT INTO t", None),
    ],
)
def test_inserts(text: str, data: str | None) -> None:
    found = _read(text)
    if data is None:
        assert isinstance(found, Other)
        return
    assert isinstance(found, Insert)
    assert text[found.data :] == data
    assert b"FORMAT" in found.tail
    assert not found.head.rstrip().endswith(b"FORMAT")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("INSERT INTO t SELECT 1", "insert"),
        ("INSERT INTO t (a) (SELECT 1)", "insert"),
        ("INSERT INTO t WITH 1 AS x SELECT x", "insert"),
        ("SET a = 1", "set"),
        ("USE x", "use"),
        ("KILL QUERY WHERE 1", "kill"),
        ("CREATE TABLE x (a Int8) ENGINE = Memory", "other"),
        ("-- a comment\nSYSTEM FLUSH LOGS", "other"),
    ],
)
def test_others(text: str, kind: str) -> None:
    found = _read(text)
    assert isinstance(found, Other)
    assert found.kind == kind


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", 62),
        (" -- only a comment", 62),
        ("SELECT 1; DROP TABLE x", 62),
        ("SELECT 1 INTO OUTFILE 'x'", 358),
        ("INSERT INTO t FROM INFILE 'x' FORMAT CSV", 78),
    ],
)
def test_refused(text: str, code: int) -> None:
    with pytest.raises(EngineError) as caught:
        _read(text)
    assert caught.value.code == code


def test_assignments_of_a_set() -> None:
    found = assignments(b"SET a = 1, `b` = 'x, y = 2', c = -1.5, d = map('k', 1)")
    assert found == {"a": "1", "b": "'x, y = 2'", "c": "-1.5", "d": "map('k', 1)"}
