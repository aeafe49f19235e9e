"""The page tells of an outage what was measured, and says so where nothing was."""

from pathlib import Path

import pytest

from bench import readme
from bench.outage_page import outage

RESULT = {
    "rate": 10_000,
    "minutes": 10,
    "events": 7_200_000,
    "events_taken": 7_199_999,
    "rows_doubled": 3,
    "megabytes_before": 400,
    "megabytes_away": 620,
    "megabytes_after": 810,
    "buffered_megabytes_away": 41.26,
    "buffer_megabytes": 40.0,
    "lag_away": 5_900_123,
    "cpu_share_away": 0.034,
    "lines_away": 57,
    "not_ready_after_seconds": 2.04,
    "first_row_after_seconds": 8.06,
    "caught_up_after_seconds": 190.4,
    "cores": 2,
}


def test_the_table_tells_what_was_measured() -> None:
    text = outage(RESULT)
    assert text.startswith("10 minutes without ClickHouse at 10,000 events a second, one worker, on 2 cores")
    for line in (
        "| during the outage | 620 |",
        "| of it records not delivered, MB at most (and `BUFFER_BYTES`) | 41.3 (40.0) |",
        "| lag, records at most | 5,900,123 |",
        "| share of a core while it can do nothing | 3% |",
        "| lines of its log, as long as the outage lasts | 57 |",
        "| every event taken after, seconds | 190 |",
        "| events sent, taken, doubled | 7,200,000, 7,199,999, 3 |",
    ):
        assert line in text.splitlines()


def test_without_a_result_the_page_names_the_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(readme, "RESULTS", tmp_path)
    text = "before\n<!-- figures of outage -->\nold\n<!-- end of figures -->\nafter\n"
    page = readme.PAGES[readme.ROOT / "docs/operations.md"](text)
    assert "make bench ARGS=outage" in page
    assert "old" not in page
    assert page.startswith("before\n")
    assert page.endswith("\nafter\n")
