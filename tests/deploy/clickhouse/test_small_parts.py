"""A small part of the embedded server is one file, whatever table it is of, and a large one is not."""

from pathlib import Path

from tests.support.clickhouse import Server

STORED = "SELECT DISTINCT table, part_storage_type FROM system.parts WHERE database = 'd' AND active ORDER BY ALL"
TABLE = "(n UInt64, filler String) ENGINE = MergeTree PARTITION BY tuple() ORDER BY n"
MEGABYTES_12 = "SELECT number, repeat('x', 1000) FROM numbers(12000)"


def test_a_small_part_is_one_file(tmp_path: Path) -> None:
    server = Server(tmp_path)
    server.address.http("CREATE DATABASE d")
    for name, rows in (("large", MEGABYTES_12), ("small", "SELECT 1, 'x'")):
        server.address.http(f"CREATE TABLE d.{name} {TABLE}")
        assert server.address.http(f"INSERT INTO d.{name} {rows}").status == 200
    assert server.address.http(STORED).data == b"large\tFull\nsmall\tPacked\n"
    server.kill()
    again = Server(tmp_path)
    assert again.address.http("SELECT n, filler FROM d.small").data == b"1\tx\n"
    assert len([*tmp_path.rglob("data.packed")]) == 1
    assert again.stop() == 0
