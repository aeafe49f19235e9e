"""The kill points are declared in one place, and the manual lists them all."""

import re
from pathlib import Path

import pytest

from agents.kill_point import Step, arm, insert_of
from agents.render import DEAD_LETTERS
from streams.errors import ConfigurationError
from streams.topics import raw_table, source_topics

ROOT = Path(__file__).parent.parent.parent
ROW = re.compile(r"^\| (.+?) \| `([\w-]+)` \| (.+?) \|$", re.MULTILINE)


def test_the_manual_lists_every_step_in_order() -> None:
    section = (ROOT / "docs/exactly-once.md").read_text().partition("\n## Kill points\n")[2].partition("\n## ")[0]
    assert ROW.findall(section) == [(step.number, step.label, step.done) for step in Step]


@pytest.mark.parametrize("step", Step)
def test_every_step_is_in_the_code(step: Step) -> None:
    code = "\n".join(path.read_text() for path in (ROOT / "agents").rglob("*.py"))
    by_table = step in {insert_of(table) for table in tables()}
    assert by_table or re.search(rf"\b(step|point)\(Step\.{step.name}\b", code)


def tables() -> set[str]:
    """What batches are delivered to."""
    return {raw_table(topic) for topic in source_topics()} | {DEAD_LETTERS}


@pytest.mark.parametrize("table", sorted(tables()))
def test_every_table_has_a_step(table: str) -> None:
    assert insert_of(table).label == f"insert-{table}"


@pytest.mark.parametrize("place", ["intent", "intent:amid", "intents:before", "intent:after:0", "intent:after:x"])
def test_a_place_that_there_is_not_is_refused(place: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"WORKER_KILL_AT={place}: must be STEP:before or STEP:after.*close"):
        arm(place)
