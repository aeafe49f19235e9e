"""Every contestant does the whole job, each in its own environment, on a few thousand events."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench.peers.contestants import PEERS
from bench.peers.environment import HERE, folders, versions
from tests.support.tools import need

ROOT = Path(__file__).parent.parent.parent
FRAMEWORK = {
    "aiokafka_loop": "aiokafka",
    "bytewax": "bytewax",
    "confluent_loop": "confluent-kafka",
    "faststream": "faststream",
    "quix_streams": "quixstreams",
    "vanilla_faust": "faust-streaming",
}


def test_peers_are_pinned_and_say_what_they_guarantee() -> None:
    assert folders() == sorted(FRAMEWORK)
    for peer, package in FRAMEWORK.items():
        asked = (HERE / peer / "requirements.in").read_text()
        assert f"{package}" in asked
        assert package in versions(peer), f"{peer} has no version of {package}; run python -m bench.peers.environment"
        assert "msgspec" in versions(peer)
    page = (ROOT / "docs/performance.md").read_text()
    for contestant in PEERS.values():
        assert f"`{contestant.name}`" in page
        assert contestant.guarantee in page, f"docs/performance.md does not say what {contestant.name} guarantees"


@pytest.mark.faults
@pytest.mark.timeout(1800)
def test_every_contestant_is_right_to_the_unit(tmp_path: Path) -> None:
    need("kafka")
    output = tmp_path / "latest.json"
    command = (sys.executable, "-m", "bench", "peers", "--size", "tiny", "--output", str(output))
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(output.read_text())
    assert set(told["ratio_to"]) == set(PEERS) - {"ours"}
    assert told["worker_events_per_core_second"] > 0
    assert told["wall_events_per_second"] > 0
    assert told["freshness_p95_seconds"] > 0
