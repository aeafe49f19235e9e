"""What the demo sends, and what it shows."""

import io
import json
from collections import Counter
from pathlib import Path

import pytest
from rich.console import Console

from deploy.local.demo import MOST_EVENTS, Choice, Producer, Step, note, steps
from deploy.local.totals import Totals
from deploy.local.view import Picture, draw, line
from deploy.local.worker import Reading
from streams.errors import ConfigurationError
from streams.settings import Settings
from tests.support.waiting import until


@pytest.mark.parametrize(
    ("domain", "rate", "seconds", "expected"),
    [
        ("rides", None, None, ["replay", ("load", "50", MOST_EVENTS)]),
        ("rides", None, 10, ["replay"]),
        ("rides", 20, 10, ["replay", ("load", "20", 200)]),
        ("ticketing", None, 10, [("load", "50", 500)]),
        ("ticketing", 20000, 3600, [("load", "20000", MOST_EVENTS)]),
    ],
)
def test_steps(domain: str, rate: int | None, seconds: float | None, expected: list[object]) -> None:
    found: list[object] = []
    for step in steps(domain, rate, seconds):
        if step.words[0] == "replay":
            assert step.whole
            found.append("replay")
        else:
            options = dict(zip(step.words[1::2], step.words[2::2], strict=True))
            assert options["--domain"] == domain
            found.append(("load", options["--rate"], int(options["--count"])))
    assert found == expected


def test_choices() -> None:
    assert [c.domains for c in Choice] == [("rides",), ("ticketing",), ("rides", "ticketing"), ()]
    embedded = Settings().model_copy(update={"kafka_forgets": True})
    assert "in memory" in note(embedded, Choice.RIDES)
    assert "in memory" not in note(Settings().model_copy(update={"kafka_forgets": False}), Choice.RIDES)
    assert "no demo" in note(embedded, Choice.NONE)


def test_producer_that_fails_is_named_with_the_end_of_its_log(tmp_path: Path) -> None:
    plan = iter([Step("x", ("load", "--rate", "nonsense"))])
    producer = Producer(Settings(), "rides", plan, tmp_path, ())
    producer.advance()
    until("the producer to end", lambda: not producer.running)
    with pytest.raises(ConfigurationError, match="ended with code 1"):
        producer.advance()
    producer.advance()
    assert producer.words.startswith("finished")


def test_totals_add_up_and_subtract() -> None:
    before = Totals(Counter(events=5, page_views=5), Counter(malformed=1), Counter(duplicate=1))
    now = Totals(Counter(events=9, page_views=5, events_raw=1), Counter(malformed=1, invalid=2), Counter(duplicate=2))
    new = now - before
    assert new.rows == {"events": 4, "page_views": 0, "events_raw": 1}
    assert (new.dead_letters, new.dropped["duplicate"]) == ({"invalid": 2}, 1)
    assert new.accounted == 4 + 1 + 2 + 1
    told = json.loads(new.as_json(8, 0.12345, None))
    assert (told["freshness_p95_seconds"], told["suppressed"], told["others"]) == (0.123, 0, None)


def test_whatever_a_verdict_leaves_out_is_accounted_for() -> None:
    left_out = Counter(duplicate=1, sampled_out=2, suppressed=3, lost=4)
    totals = Totals(Counter(events=10), Counter(invalid=5), left_out)
    assert totals.accounted == 25
    told = json.loads(totals.as_json(20, None, 5))
    assert {word: told[word] for word in ("duplicates", "sampled_out", "suppressed", "lost", "others")} == {
        "duplicates": 1,
        "sampled_out": 2,
        "suppressed": 3,
        "lost": 4,
        "others": 5,
    }


def test_view_shows_parts_numbers_and_reasons() -> None:
    totals = Totals(Counter(events_raw=25000), Counter(malformed=3))
    picture = Picture([("clickhouse", "up", "http://x")], [("rides", "replay")], Reading(25003, 7, 0.25), totals, 1234)
    console = Console(width=100, file=io.StringIO())
    with console.capture() as captured:
        console.print(draw(picture))
    text = captured.get()
    for word in ("clickhouse", "http://x", "25,000", "malformed", "1,234", "0.25 s", "producer rides"):
        assert word in text
    assert "events_raw=25000" in line(picture)
