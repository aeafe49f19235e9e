"""Every kind of fault is of one class of outages, and the table in docs/operations.md says what the results say."""

from collections import Counter

from tests.faults import outages, results
from tests.faults.kinds import KINDS
from tests.faults.outages import BEGIN, END, OUTAGES
from tests.faults.results import Met, Result


def test_every_kind_is_in_one_row() -> None:
    assert Counter(name for outage in OUTAGES for name in outage.kinds) == Counter(KINDS.keys())


def test_a_row_tells_the_figures_of_its_kinds() -> None:
    met = [
        Met("redis-kill", "stores", 1, 4.0),
        Met("redis-refuses", "stores", 1, 6.0),
        Met("hold", "maintenance", 1, None),
    ]
    run = Result(seed=1, version="", started_at="", workers=2, rate=1, age=20, faults=met)
    text = outages.page([run], f"before\n{BEGIN}\nof old\n{END}\nafter\n")
    assert text.startswith(f"before\n{BEGIN}\n\n| outage |")
    assert text.endswith(f"{END}\nafter\n")
    assert "of old" not in text
    [redis] = [line for line in text.splitlines() if line.startswith("| Redis away |")]
    assert "| 2 | 5.0 s | 6.0 s |" in redis
    [hold] = [line for line in text.splitlines() if line.startswith("| maintenance |")]
    assert "| 1 |  |  |" in hold


def test_the_table_is_what_the_results_say() -> None:
    now = outages.PAGE.read_text()
    assert now == outages.page(results.load(results.RESULTS), now), (
        "docs/operations.md is out of date; run `python -m tests.faults --report`"
    )
