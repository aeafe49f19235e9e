"""A contestant counts only if rows, dead letters and windows are right to the unit; who does less fails the race."""

import asyncio
import sys
import time
from collections.abc import Iterator

import pytest

from bench.peers import check, race
from bench.peers.backlog import AGE, Backlog, Truth
from bench.peers.check import WrongWork, differences
from bench.peers.contestants import PEERS
from bench.peers.job import WINDOWS
from bench.peers.picture import LEGEND, draw
from bench.peers.race import Look, sum_up
from bench.peers.report import markdown, result, sentence
from bench.peers.site import Site, opened
from bench.world import send
from streams.cli.topics import create
from streams.settings import Settings

COUNT = 3000
FIGURES = {"events_per_core_second": 60_000, "events_per_second": 40_000, "peak_megabytes": 300}


def test_differences_name_what_is_missing_and_what_is_too_much() -> None:
    found = differences("rows", {"a": 1, "b": 2, "x": 1}, {"a": 1, "b": 1000, "c": 3})
    assert found == [
        "rows b: 2, but 1,000 must be there",
        "rows c: 0, but 3 must be there",
        "rows x: 1, but 0 must be there",
    ]
    assert differences("rows", {"a": 1}, {"a": 1}) == []


def test_speed_is_told_per_second_of_cpu_and_by_the_clock() -> None:
    looks = [Look(10.0, 0, 1.0), Look(11.0, 50, 2.0), Look(13.0, 100, 3.0)]
    # 110 records made the 100 rows; half of them came in the two seconds after the first batch.
    assert sum_up(looks, sent=110, before=0.8) == {"events_per_core_second": 50, "events_per_second": 28}
    assert sum_up([looks[0], Look(14.0, 100, 3.0)], sent=100, before=1.0)["events_per_second"] == 25


@pytest.fixture
def done(kafka_settings: Settings) -> Iterator[tuple[Site, Truth, dict[int, tuple[str, int]]]]:
    """A plain loop that has worked off a small backlog, in this environment; what it has made is still there."""
    asyncio.run(create(kafka_settings))
    backlog = Backlog(time.time() - AGE)
    asyncio.run(send(kafka_settings.kafka_bootstrap_servers or "", backlog.phase(0, COUNT)))
    first: dict[int, tuple[str, int]] = {}
    with opened(PEERS["aiokafka_loop"], kafka_settings, 0) as site:
        truth = backlog.truth
        with pytest.raises(RuntimeError, match=r"aiokafka_loop has ended with 0 of [\d,]+ rows"):
            race.lap(site, truth, 0, first, python="/bin/false")
        figures = race.lap(site, truth, 0, first, python=sys.executable)
        assert figures["events_per_core_second"] > 0
        yield site, truth, first


@pytest.mark.long
@pytest.mark.kafka
@pytest.mark.slow
def test_loop_does_the_whole_job_and_who_does_less_is_told_so(
    done: tuple[Site, Truth, dict[int, tuple[str, int]]],
) -> None:
    site, truth, first = done
    check.hold(site, truth, first, patience=0)
    assert first[truth.sent][0] == "aiokafka_loop"

    with pytest.raises(WrongWork, match="aiokafka_loop has not done the job: the rows are as many as those of other"):
        check.hold(site, truth, {truth.sent: ("other", 1)}, patience=0)
    truth.dead["malformed"] += 1
    with pytest.raises(WrongWork, match="dead letters malformed: "):
        check.hold(site, truth, first, patience=0)
    truth.dead["malformed"] -= 1
    truth.rows["booking.created"] += 1
    with pytest.raises(WrongWork, match=r"rows booking\.created: "):
        check.hold(site, truth, first, patience=0)
    truth.rows["booking.created"] -= 1
    minute, kind = min(truth.minutes)
    site.client.command(f"INSERT INTO {WINDOWS} VALUES ({minute}, '{kind}', 'another', 1)")
    with pytest.raises(WrongWork, match=rf"window \({minute}, '{kind}'\): "):
        check.hold(site, truth, first, patience=0)
    site.client.command("INSERT INTO events_raw SELECT * FROM events_raw LIMIT 1")
    with pytest.raises(WrongWork, match=r"rows of \S+ twice"):
        check.rows(site)


def test_ratios_are_medians_of_the_rounds_own_and_stand_on_the_page() -> None:
    def turn(own: float, loop: float) -> dict[str, dict[str, float]]:
        steady = {"freshness_p95_seconds": 0.5, "freshness_median_seconds": 0.3, "steady_cpu_share": 0.2}
        return {
            "aiokafka_loop": FIGURES | {"events_per_core_second": loop},
            "ours": FIGURES | {"events_per_core_second": own} | steady,
        }

    told = result([turn(50_000, 100_000), turn(90_000, 100_000), turn(60_000, 60_000)], "small", (10, 20))
    assert told["ratio_to"] == {"aiokafka_loop": 0.9}
    assert told["worker_events_per_core_second"] == 60_000
    assert told["price_of_exactly_once_microseconds"] == pytest.approx(1e6 / 60_000 - 10, abs=0.01)
    assert told["contestants"]["ours"]["spread"] == [50_000, 90_000]
    assert told["events"] == {"slow": 10, "others": 30}
    line = "| `aiokafka_loop` | 0.14.0 | 100,000 (60,000 to 100,000) | 40,000 | 300 | 0.90 |"
    assert line in markdown(told).splitlines()
    assert sentence(told) == "By CPU the product does 0.9 times `aiokafka_loop`."
    assert draw(told).count("<rect") == len(told["contestants"]) + len(LEGEND)
