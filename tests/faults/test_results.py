"""Results of runs are kept, added up and told; the page in docs says what the file says."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.faults import report, results
from tests.faults.kinds import KINDS
from tests.faults.results import Met, Result

RUN = Result(
    seed=4,
    version="0123456789",
    started_at="2026-03-01T12:00:00+00:00",
    workers=2,
    rate=500,
    age=300,
    faults=[
        Met("worker-kill", "worker", 1.5, 4.0),
        Met("worker-kill", "worker", 2.5, 8.0),
        Met("hold", "maintenance", 3, None),
    ],
    events=50_000,
    seconds=100,
)


def test_runs_are_kept_and_added_up(tmp_path: Path) -> None:
    path = tmp_path / "new" / "results.jsonl"
    assert results.load(path) == []
    bad = replace(RUN, seed=5, lost=1, doubled=2, problems=["1 lost in events_raw"])
    for each in (RUN, bad):
        results.append(path, each)
    assert results.load(path) == [RUN, bad]
    assert results.total([RUN, bad]) == "faults: 6, events: 100000, lost: 1, doubled: 2"


def test_a_line_that_is_no_run_is_named(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    results.append(path, RUN)
    path.write_text(path.read_text() + '{"seed": 1}\n')
    with pytest.raises(ValueError, match=r"results.jsonl:2 is no result of a run"):
        results.load(path)


def test_the_report_tells_each_kind_and_each_run() -> None:
    text = report.text([RUN, replace(RUN, seed=5, lost=1, problems=["1 lost in events_raw\nand more"])])
    assert "| `worker-kill` | 4 | 2.0 | 6.0 | 8.0 |" in text
    assert "| `hold` | 2 | 3.0 |  |  |" in text
    assert "| 4 | 0123456789 | 2026-03-01 12:00 | 2 | 300 | 50000 | 3 | 0 | 0 | 100 |" in text
    assert "- seed 5, 0123456789: 1 lost in events_raw\n" in text
    assert all(f"`{name}`" in text for name in KINDS)


def test_the_page_is_what_the_results_say() -> None:
    assert report.PAGE.read_text() == report.text(results.load(results.RESULTS)), (
        "docs/faults.md is out of date; run `python -m tests.faults --report`"
    )
