"""Values of every type the product uses go in and come out unchanged, by Native, JSONEachRow and Arrow."""

import json
import math
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pyarrow
import pytest
from clickhouse_connect.driver.client import Client

COLUMNS = {
    "id": "UInt64",
    "money": "Decimal(18, 4)",
    "at": "DateTime64(3, 'UTC')",
    "day": "Date",
    "kind": "LowCardinality(String)",
    "note": "Nullable(String)",
    "score": "Nullable(Float64)",
    "uuid": "UUID",
    "headers": "Array(Tuple(String, String))",
    "counts": "Map(String, UInt32)",
    "flag": "Bool",
    "level": "Enum8('low' = 1, 'high' = 2)",
    "fixed": "FixedString(4)",
    "big": "UInt256",
    "small": "Int8",
}
ROWS: list[list[Any]] = [
    [
        0, Decimal("0"), datetime(1970, 1, 1, tzinfo=UTC), date(1970, 1, 1), "", None, None, UUID(int=0), [], {}, False,
        "low", b"\0\0\0\0", 0, -128,
    ],
    [
        2**64 - 1, Decimal("-99999999999999.9999"), datetime(2026, 3, 29, 1, 59, 59, 999000, tzinfo=UTC),
        date(2149, 6, 6), "größer\n'\"\\\t\0", "NULL", -0.1, UUID(int=2**128 - 1),
        [("ce_type", "a"), ("", "ü")], {"a": 1, "": 4294967295}, True, "high", b"ab\0\0", 2**256 - 1, 127,
    ],
    [
        7, Decimal("12.3400"), datetime(2038, 1, 20, tzinfo=UTC) + timedelta(milliseconds=1), date(2000, 2, 29), "x",
        "", math.pi, UUID("12345678-9abc-def0-1234-56789abcdef0"), [("k", "v")] * 50, {"z": 0}, True, "low", b"abcd", 1,
        0,
    ],
]  # fmt: skip


@pytest.fixture
def filled(client: Client, table: str) -> str:
    """The table of all types, empty."""
    columns = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
    client.command(f"CREATE TABLE {table} ({columns}) ENGINE = MergeTree ORDER BY id")
    return table


def _rows(client: Client, table: str) -> list[list[Any]]:
    found = client.query(
        f"SELECT * FROM {table} ORDER BY id = 7, id", column_formats={"fixed": "bytes"}, query_tz="UTC", tz_mode="aware"
    )
    return [list(row) for row in found.result_rows]


def test_native_insert(client: Client, filled: str) -> None:
    client.insert(filled, ROWS, column_names=list(COLUMNS))
    assert _rows(client, filled) == ROWS


def test_json_each_row_insert(client: Client, filled: str) -> None:
    lines = []
    for row in ROWS:
        values = dict(zip(COLUMNS, row, strict=True))
        values |= {
            "money": str(values["money"]),
            "at": values["at"].strftime("%Y-%m-%d %H:%M:%S.%f")[:-3],
            "day": values["day"].isoformat(),
            "uuid": str(values["uuid"]),
            "big": str(values["big"]),
            "fixed": values["fixed"].decode(),
        }
        lines.append(json.dumps(values, ensure_ascii=False).encode())
    client.raw_insert(filled, list(COLUMNS), b"\n".join(lines), fmt="JSONEachRow")
    assert _rows(client, filled) == ROWS


def test_arrow_out_and_in(client: Client, filled: str) -> None:
    client.insert(filled, ROWS, column_names=list(COLUMNS))
    names = ["id", "money", "at", "kind", "note", "score", "small"]
    taken = client.query_arrow(f"SELECT {', '.join(names)} FROM {filled} ORDER BY id", use_strings=True)
    assert isinstance(taken, pyarrow.Table)
    assert taken.column("money").to_pylist()[0] == Decimal("0.0000")
    client.command(f"TRUNCATE TABLE {filled}")
    client.insert_arrow(filled, taken)
    again = client.query_arrow(f"SELECT {', '.join(names)} FROM {filled} ORDER BY id", use_strings=True)
    assert again.to_pylist() == taken.to_pylist()


def test_binary_strings(client: Client, table: str) -> None:
    client.command(f"CREATE TABLE {table} (n UInt8, value String) ENGINE = MergeTree ORDER BY n")
    values = [bytes(range(256)), b"\xff\xfe", b"", b"FORMAT Native\n", b"\r\n__exception__\r\n"]
    rows = list(enumerate(values))
    client.insert(table, rows, column_names=["n", "value"])
    found = client.query(f"SELECT n, value FROM {table} ORDER BY n", column_formats={"value": "bytes"})
    assert found.result_rows == rows


def test_defaults_fill_absent_columns(client: Client, table: str) -> None:
    client.command(
        f"CREATE TABLE {table} (a UInt8, b String DEFAULT 'd', c Nullable(UInt8), e UInt8 MATERIALIZED a + 1) "
        "ENGINE = MergeTree ORDER BY a"
    )
    client.raw_insert(table, None, b'{"a":1}\n{"a":2,"b":"x","c":3}\n', fmt="JSONEachRow")
    client.insert(table, [[3]], column_names=["a"])
    found = client.query(f"SELECT a, b, c, e FROM {table} ORDER BY a").result_rows
    assert found == [(1, "d", None, 2), (2, "x", 3, 3), (3, "d", None, 4)]
