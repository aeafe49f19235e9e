"""kill -9 in the middle of many inserts: every batch retried under its token is there once."""

import random
import threading
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import urllib3

from tests.support.clickhouse import Server
from tests.support.waiting import until

ROWS = 500
QUERY = "INSERT INTO d.t FORMAT TSV"
SETTINGS: dict[str, Any] = {
    "async_insert": 0,
    "max_partitions_per_insert_block": 0,
    "input_format_parallel_parsing": 0,
}


class _Writer(threading.Thread):
    """Sends batch after batch, each until it is acknowledged, to whichever server there is."""

    def __init__(self, who: int, servers: list[Server], stop: threading.Event) -> None:
        super().__init__()
        self.who = who
        self.sent = 0
        self._servers = servers
        self._end = stop

    def run(self) -> None:
        """Write until told to stop; the batch begun is finished."""
        for batch in count():
            if self._end.is_set():
                return
            body = b"".join(b"2026-01-%02d\t%d\t%d\n" % (n % 3 + 1, self.who, batch * ROWS + n) for n in range(ROWS))
            while not self._write(body, f"{self.who}/{batch}"):
                continue
            self.sent += ROWS

    def _write(self, body: bytes, token: str) -> bool:
        address = self._servers[-1].address
        try:
            answer = address.http(QUERY, body=body, insert_deduplication_token=token, **SETTINGS)
        except (urllib3.exceptions.HTTPError, OSError):
            return False
        return answer.status == 200


def _have_sent(writers: list[_Writer], batches: int) -> bool:
    return sum(writer.sent for writer in writers) >= batches * ROWS


@pytest.mark.long
@pytest.mark.slow
def test_counts_are_exact_over_kills(tmp_path: Path) -> None:
    chance = random.Random(7)
    servers = [Server(tmp_path)]
    servers[0].address.http("CREATE DATABASE d")
    servers[0].address.http(
        "CREATE TABLE d.t (day Date, who UInt8, n UInt64) ENGINE = MergeTree PARTITION BY day ORDER BY n "
        "SETTINGS non_replicated_deduplication_window = 10000"
    )
    stop = threading.Event()
    writers = [_Writer(who, servers, stop) for who in range(4)]
    for writer in writers:
        writer.start()
    try:
        for number in range(1, 4):
            stop.wait(chance.uniform(0.3, 1.0))
            # However slow the machine is, there is something that the kill can tear.
            until("some batches", partial(_have_sent, writers, 2 * number), 60)
            servers[-1].kill()
            servers.append(Server(tmp_path))
        stop.wait(0.5)
    finally:
        stop.set()
        for writer in writers:
            writer.join()
    address = servers[-1].address
    found = address.http("SELECT count(), uniqExact(who, n) FROM d.t").data.split()
    sent = sum(writer.sent for writer in writers)
    assert sent > 10 * ROWS
    assert [int(number) for number in found] == [sent, sent]
    assert servers[-1].stop() == 0
