"""The history of a wrong event tells whose its batches were."""

import json
from datetime import UTC, datetime
from pathlib import Path

from tests.faults.history import heard, owner


def at(second: int) -> datetime:
    return datetime(2026, 3, 1, 12, 0, second, tzinfo=UTC)


def test_a_batch_is_of_the_worker_that_recovered_the_shard_last(tmp_path: Path) -> None:
    recovered = [("worker-0", 5, 1), ("worker-1", 20, 1), ("worker-0", 25, 2)]
    for name, second, shard in recovered:
        line = {"event": "shard recovered", "shard": shard, "timestamp": at(second).isoformat()}
        with (tmp_path / f"{name}.log").open("a") as log:
            log.write(f"no line of JSON\n{json.dumps(line)}\n")
    said = heard(tmp_path)
    assert [(each.worker, each.at.second) for each in said] == [(name, second) for name, second, _ in recovered]
    assert owner(said, 1, at(4)) == "nobody who said so"
    assert owner(said, 1, at(19)) == "worker-0"
    assert owner(said, 1, at(59)) == "worker-1"
    assert owner(said, 2, at(59)) == "worker-0"
