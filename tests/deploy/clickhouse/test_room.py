"""A server whose disk has less room than it is to leave refuses inserts, and goes on to answer."""

import shutil
from pathlib import Path

from tests.support.clickhouse import Server

NOT_ENOUGH_SPACE = b"Code: 243"


def test_room_is_left_on_the_disk(tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free
    full = Server(tmp_path, f"--keep-free-bytes={2 * free}")
    full.address.http("CREATE DATABASE d")
    full.address.http("CREATE TABLE d.t (n UInt64) ENGINE = MergeTree ORDER BY n")
    refused = full.address.http("INSERT INTO d.t SELECT 1")
    assert NOT_ENOUGH_SPACE in refused.data, refused.data
    assert full.address.http("SELECT count() FROM d.t").data == b"0\n"
    assert full.stop() == 0
    again = Server(tmp_path)
    assert again.address.http("INSERT INTO d.t SELECT 1").status == 200
    assert again.address.http("SELECT count() FROM d.t").data == b"1\n"
    assert again.stop() == 0
