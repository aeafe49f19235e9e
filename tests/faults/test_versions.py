"""Other versions are copies of this one that differ where they say, and nowhere by chance."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.oracle import CONTESTED_TYPE, MOST_SEATS
from tests.faults.results import ROOT
from tests.faults.versions import NARROWER, OLDER, RENAMED, Version, copied
from tests.support.wire import event

JUDGE = """
import sys
from streams import codec, intent, topics, version
from streams.events import registry
judged = codec.judge(sys.stdin.buffer.read(), registry, "rides.booking")
record = intent.Intent(chain="c", seq=1, previous="", nonce="n", ranges={}).encode()
print(version.VERSION, type(judged).__name__, len(topics.source_topics()), b"stores" in record, intent.FORMAT)
"""


def says(folder: Path, seats: int) -> list[str]:
    """What a process says that runs in this folder."""
    _, value = event(CONTESTED_TYPE, 1, seats=seats)
    argv = (sys.executable, "-c", JUDGE)
    done = subprocess.run(argv, cwd=folder, input=value, capture_output=True, check=True)
    return done.stdout.decode().split()


@pytest.mark.parametrize("version", [RENAMED, NARROWER, OLDER], ids=lambda version: version.name)
def test_every_line_that_is_changed_stands_there_once(version: Version) -> None:
    for change in version.changes:
        assert (ROOT / change.file).read_text().count(change.old) == 1, f"{change.file} no longer says: {change.old}"


def test_a_process_in_a_copy_is_the_other_version(tmp_path: Path) -> None:
    narrower, older = copied(NARROWER, tmp_path), copied(OLDER, tmp_path)
    assert copied(NARROWER, tmp_path) == narrower
    own = says(ROOT, MOST_SEATS + 1)
    assert own[1] != "Refusal"
    assert own[3:] == ["True", "2"]
    assert says(narrower, MOST_SEATS + 1)[:2] == ["9.0.0", "Refusal"]
    assert says(narrower, MOST_SEATS)[1] == own[1]
    assert says(older, MOST_SEATS + 1) == ["0.0.1", own[1], str(int(own[2]) - 1), "False", "1"]
