"""Tokens whose part never came to be are dropped at start; tokens of parts that are there, merged or not, stay."""

import shutil
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client

from deploy.local.clickhouse.deduplication_log import Part, cleaned, part
from tests.support.clickhouse import Server

SETTINGS = {"async_insert": 0, "max_partitions_per_insert_block": 0}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("20260101_1_5_2", Part("20260101", 1, 5)),
        ("all_7_7_0_12", Part("all", 7, 7)),
        ("3f2a-1_7_7_0", Part("3f2a-1", 7, 7)),
        ("tmp_insert_all_1_1_0", None),
        ("delete_tmp_all_1_1_0", None),
        ("detached", None),
        ("deduplication_logs", None),
    ],
)
def test_part_names(name: str, expected: Part | None) -> None:
    assert part(name) == expected


def test_only_entries_without_a_part_go() -> None:
    log = "1\ta_1_1_0\tx\n1\ta_2_2_0\ty\n1\ta_3_3_0\tz\n1\tb_2_2_0\tw\n2\ta_9_9_0\tv\n1\ta_4"
    kept = cleaned(log, [Part("a", 1, 2), Part("b", 3, 3)])
    assert kept == "1\ta_1_1_0\tx\n1\ta_2_2_0\ty\n2\ta_9_9_0\tv\n"


def _insert(client: Client, token: str) -> None:
    rows = [[date(2026, 1, 1 + n % 2), n] for n in range(10)]
    settings = SETTINGS | {"insert_deduplication_token": token}
    client.insert("d.t", rows, column_names=["day", "n"], settings=settings)


def _count(client: Client) -> int:
    return int(str(client.command("SELECT count() FROM d.t")))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder with a table on two disks, of which one batch is merged, one moved and one plain."""
    server = Server(tmp_path / "data")
    with server.address.client() as client:
        client.command("CREATE DATABASE d")
        client.command(
            "CREATE TABLE d.t (day Date, n UInt64) ENGINE = MergeTree PARTITION BY day ORDER BY n "
            "SETTINGS non_replicated_deduplication_window = 100, storage_policy = 'hot_cold'"
        )
        for token in ("merged 1", "merged 2"):
            _insert(client, token)
        client.command("OPTIMIZE TABLE d.t FINAL")
        client.command("SYSTEM STOP MERGES d.t")
        _insert(client, "moved")
        client.command("ALTER TABLE d.t MOVE PARTITION '2026-01-01' TO VOLUME 'cold'")
        _insert(client, "plain")
        _insert(client, "lost")
        assert _count(client) == 50
    assert server.stop() == 0
    return tmp_path / "data"


def _lose_last_parts(folder: Path) -> int:
    """Remove the parts of the last insert, as if the kill had come before their rename."""
    logs = sorted(folder.glob("store/*/*/deduplication_logs/*.txt"))
    lost = [line.split("\t")[1] for line in logs[-1].read_text().splitlines()[-2:]]
    there = [path for name in lost for path in folder.glob(f"**/store/*/*/{name}")]
    for path in there:
        shutil.rmtree(path)
    return len(there)


def test_r6_a_lost_token_is_accepted_again_and_the_others_are_not(folder: Path) -> None:
    assert _lose_last_parts(folder) == 2
    server = Server(folder)
    with server.address.client() as client:
        assert _count(client) == 40
        for token in ("merged 1", "merged 2", "moved", "plain"):
            _insert(client, token)
        assert _count(client) == 40
        for _ in range(2):
            _insert(client, "lost")
        assert _count(client) == 50
    assert server.stop() == 0


BARE = """
import sys
from chdb import _chdb
connection = _chdb.connect(sys.argv[1])
for statement in sys.argv[2:]:
    sys.stdout.write(connection.query(statement, "TSV", params={}).bytes().decode())
"""


def test_without_the_repair_the_token_would_be_lost(folder: Path) -> None:
    """The trap itself: if the engine ever avoids it, this test says so and the repair can go."""
    assert _lose_last_parts(folder) == 2
    address = f"{folder}?config-file={folder / 'config.xml'}"
    insert = (
        "INSERT INTO d.t SETTINGS insert_deduplication_token = 'lost', async_insert = 0 "
        "SELECT toDate('2026-01-01') + number % 2, number FROM numbers(10)"
    )
    command = [sys.executable, "-c", BARE, address, insert, "SELECT count() FROM d.t"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "40\n"
