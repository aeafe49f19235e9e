"""A part counts only if a contestant has counted what a plain look counts; runs go on where they were broken off."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.parts import report
from bench.parts.__main__ import runnable, turned
from bench.parts.book import Book
from bench.parts.check import COPIES, Task, hold, task
from bench.parts.entrants import ENTRANTS, NAMES
from bench.parts.feed import Feed
from bench.parts.kafka_streams import java
from bench.parts.lap import RESULT, Lap
from bench.parts.limits.wire import HEAD, Refused, batches
from bench.parts.order import Part
from bench.parts.race import figures, lap
from bench.parts.work import WORK
from bench.peers.backlog import AGE
from bench.peers.check import WrongWork
from bench.peers.place import Place
from bench.peers.race import Figures
from bench.world import Message, send
from deploy.local import tools
from deploy.local.kafka import Kafka
from streams.cli.topics import create
from streams.settings import Settings
from tests.support.tools import need

ROOT = Path(__file__).parent.parent.parent
COUNT = 3000
FIGURES: Figures = {"events_per_core_second": 1000, "events_per_second": 500, "peak_megabytes": 90}
LIMIT: Figures = FIGURES | {"megabytes_per_second": 0.2}
ENGINES = [part for part in Part if part is not Part.LIMITS]


@pytest.fixture(scope="module")
def sent() -> tuple[Feed, list[Message]]:
    """A feed of two phases, and its messages."""
    feed = Feed(float(int(time.time() - AGE)))
    return feed, [*feed.phase(0, COUNT), *feed.phase(1, COUNT)]


def found_in(part: Part, messages: list[Message]) -> dict[str, int]:
    """What a part's work makes of messages, half of them at once and half by the record."""
    work = WORK[part]()
    half = len(messages) // 2
    for topic, _, value in messages[:half]:
        work.one(topic, value)
    for topic in {topic for topic, _, _ in messages}:
        work.take(topic, [value for name, _, value in messages[half:] if name == topic])
    return work.found()


def place_in(home: Path, servers: str = "", group: str = "parts-test") -> Place:
    """A place without a store."""
    return Place(servers, group, "none", "", "", str(home))


@pytest.mark.parametrize("part", ENGINES)
def test_work_counts_what_a_plain_look_counts_and_one_record_less_or_more_is_told(
    part: Part, sent: tuple[Feed, list[Message]]
) -> None:
    feed, messages = sent
    wanted = task(NAMES["ours"], part, feed)
    hold("anybody", wanted, found_in(part, messages))
    for wrong in (messages[1:], [*messages, messages[0]]):
        with pytest.raises(WrongWork, match=rf"^anybody has not done its part: {part} .+, but [\d,]+ must be there"):
            hold("anybody", wanted, found_in(part, wrong))


def test_feed_is_the_races_backlog_with_torn_records_for_bad_ones(sent: tuple[Feed, list[Message]]) -> None:
    feed, messages = sent
    plain, truth = feed.plain, feed.truth
    assert plain.records.total() == truth.sent == len(messages)
    assert plain.kinds["refused"] == truth.dead["malformed"] == 2 * COUNT // 1000
    assert plain.minutes.total() == sum(truth.rows.values()) + 2 * COUNT // 200
    order = plain.order(Part.WINDOWS)
    assert order.records > order.readable > order.closed
    assert order.closed == sum(plain.wanted(Part.WINDOWS).values())


def test_windows_that_nothing_closes_are_not_asked_for(sent: tuple[Feed, list[Message]]) -> None:
    feed, messages = sent
    found = found_in(Part.WINDOWS, messages)
    known = feed.plain.known(Part.WINDOWS, found)
    assert 0 < len(known) < len(found)
    hold("anybody", task(NAMES["bytewax"], Part.WINDOWS, feed), known)


def test_limits_have_truths_of_their_own(sent: tuple[Feed, list[Message]]) -> None:
    feed, messages = sent
    size = sum(len(value) for *_, value in messages)
    copied = task(NAMES["loopback_copy"], Part.LIMITS, feed)
    assert copied.wanted == {"bytes": COPIES * size}
    with pytest.raises(WrongWork, match="limits bytes: 1, but "):
        hold("loopback_copy", copied, {"bytes": 1})
    inserted = task(NAMES["raw_insert"], Part.LIMITS, feed)
    assert inserted.order.records == sum(feed.truth.rows.values()) < len(messages)
    assert task(NAMES["raw_fetch"], Part.LIMITS, feed).wanted == {"records": len(messages)}
    assert task(NAMES["raw_parse"], Part.LIMITS, feed).wanted == dict(feed.plain.kinds)


def test_lap_writes_its_result_with_the_last_record(sent: tuple[Feed, list[Message]], tmp_path: Path) -> None:
    feed, messages = sent
    wanted = task(NAMES["ours"], Part.CONSUME, feed)
    inside = Lap(place_in(tmp_path), wanted.order)
    inside.ready()
    for topic, _, value in messages[:-1]:
        inside.one(topic, value)
    assert not (tmp_path / RESULT).exists()
    inside.take([(messages[-1][0], [messages[-1][2]])])
    spent = json.loads((tmp_path / RESULT).read_text())
    hold("ours", wanted, spent["found"])
    assert spent["events"] == len(messages) - 1  # the clock began with the first one
    assert spent["cpu"] > 0
    assert spent["peak_megabytes"] > 10


def test_lap_of_an_engine_that_closes_windows_ends_with_the_last_of_them(
    sent: tuple[Feed, list[Message]], tmp_path: Path
) -> None:
    feed, _ = sent
    wanted = task(NAMES["bytewax"], Part.WINDOWS, feed)
    inside = Lap(place_in(tmp_path), wanted.order)
    inside.begin(1)
    lines = [(int(line.split()[0]), line.split()[1], count) for line, count in wanted.wanted.items()]
    inside.close(lines[:-1])
    assert not (tmp_path / RESULT).exists()
    inside.close(lines[-1:])
    hold("bytewax", wanted, json.loads((tmp_path / RESULT).read_text())["found"])


def test_figures_are_by_cpu_of_all_records_and_by_the_clock_of_those_after_the_first(
    sent: tuple[Feed, list[Message]],
) -> None:
    feed, _ = sent
    whole = task(NAMES["raw_fetch"], Part.LIMITS, feed)
    given = Task(whole.order._replace(records=1000), whole.wanted, whole.known, bytes_a_record=500)
    spent = {"cpu": 2.0, "seconds": 4.0, "events": 800, "peak_megabytes": 90}
    assert figures(spent, given) == {
        "events_per_core_second": 500,
        "events_per_second": 200,
        "peak_megabytes": 90,
        "megabytes_per_second": 0.1,
    }
    assert figures(spent | {"second_half_cpu": 0.5}, given)["warm_events_per_core_second"] == 1000


def answer(error: int = 0, cut: int = 0) -> bytearray:
    """A broker's answer to a fetch: one partition with two batches of 3 and 4 records, the last `cut` bytes missing."""
    log = b""
    for offset, records in ((10, 3), (13, 4)):
        body = b"x" * 20
        log += HEAD.pack(offset, HEAD.size - 12 + len(body), 0, 2, 0, 0, records - 1, 0, 0, -1, -1, -1, records) + body
    log = log[: len(log) - cut]
    number = int.to_bytes
    partition = number(5, 4) + number(error, 2) + bytes(16) + number(0, 4) + number(len(log), 4) + log
    return bytearray(bytes(8) + number(1, 4) + number(1, 2) + b"t" + number(1, 4) + partition)


def test_batches_are_counted_by_their_heads() -> None:
    assert list(batches(answer())) == [(("t", 5), 3, 13), (("t", 5), 4, 17)]
    assert list(batches(answer(cut=1))) == [(("t", 5), 3, 13)]  # what is cut off is fetched again
    with pytest.raises(Refused, match="t:5 with error 3"):
        list(batches(answer(error=3)))


def test_run_goes_on_where_it_was_broken_off(tmp_path: Path) -> None:
    output = tmp_path / "parts.json"
    laps = turned(0, ENTRANTS)
    book = Book("small", (10, 20), output)
    assert not book.go_on()
    book.enter(0, laps[0], FIGURES)
    again = Book("small", (10, 20), output)
    assert not again.go_on()
    assert again.missing(0, laps) == laps[1:]
    assert again.missing(1, laps) == laps
    again.enter(1, laps[3], FIGURES)
    assert [list(each) for each in json.loads(output.read_text())["rounds"]] == [[laps[0]], [laps[3]]]
    assert Book("full", (1, 2), output).go_on() == "parts.json is of another size, events"


def test_every_round_begins_with_another_contestant() -> None:
    assert sorted(turned(0, ENTRANTS)) == sorted(turned(1, ENTRANTS))
    assert [turned(n, ENTRANTS)[0] for n in range(2)] == ["consume/vanilla_faust", "consume/quix_streams"]
    assert {"consume/ours", "decode/ours", "windows/ours", "windows/kafka_streams"} <= set(turned(0, ENTRANTS))
    assert "consume/kafka_streams" not in turned(0, ENTRANTS)


def test_report_has_medians_ratios_of_each_round_and_what_is_left_out() -> None:
    def turn(ours: int, bytewax: int) -> dict[str, dict[str, float]]:
        return {
            "windows/ours": FIGURES | {"events_per_core_second": ours},
            "windows/bytewax": FIGURES | {"events_per_core_second": bytewax},
            "windows/kafka_streams": FIGURES | {"warm_events_per_core_second": 7000},
            "consume/ours": FIGURES,
            "limits/raw_fetch": LIMIT | {"events_per_core_second": 4000},
        }

    rounds = [turn(9000, 2000), turn(3000, 1000), turn(4000, 4000)]
    told = report.result(rounds, "small", (10, 20), {"kafka_streams": "there is no compiler"})
    assert told["parts"]["windows"]["bytewax"]["ours_to_it"] == 3.0
    assert told["parts"]["windows"]["ours"]["spread"] == [3000, 9000]
    assert told["parts"]["limits"]["raw_fetch"]["ours_to_it"] == 0.25
    page = report.markdown(told)
    assert f"| `bytewax` | {told['versions']['bytewax']} | 2,000 | 1,000 to 4,000 | 500 | 90 | 3.00 |" in page
    assert "**Windows only**" in page
    assert "`kafka_streams` over the second half of the records, with its hot code compiled: 7,000 events/s" in page
    assert "7,000 events/s of CPU, ours to it 0.57." in page
    assert "**Consume and decode**" not in page
    assert "30 events (10 for the slow ones)" in page
    assert "the size `small`: it shows the order, not the figures" in page
    assert "Not measured: `kafka_streams`, since there is no compiler." in page
    assert json.loads(json.dumps(told)) == told


@pytest.fixture
def jre(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The Java that is found: one that has no compiler."""
    program = tmp_path / "java"
    program.write_text("#!/bin/sh\necho 'openjdk version \"17.0.1\"' >&2\necho java.base@17.0.1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return program


def test_kafka_streams_is_skipped_by_name_without_a_compiler(jre: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert tools.java() == str(jre)
    assert not java.compiles(str(jre))
    skipped: dict[str, str] = {}
    assert [each.name for each in runnable(["kafka_streams", "raw_fetch"], skipped)] == ["raw_fetch"]
    assert "has no compiler" in skipped["kafka_streams"]
    assert "SKIPPED: kafka_streams: " in capsys.readouterr().err


@pytest.mark.kafka
def test_loop_and_limit_do_their_parts_and_who_does_less_is_told_so(kafka: Kafka, tmp_path: Path) -> None:
    feed = Feed(float(int(time.time() - AGE)))
    asyncio.run(create(Settings(kafka_bootstrap_servers=kafka.url, millrace_home=tmp_path)))
    asyncio.run(send(kafka.url, feed.phase(0, COUNT)))

    def run(
        name: str, part: Part, command: tuple[str, ...], spoil: Callable[[Task], Task] = lambda each: each
    ) -> float:
        home = tmp_path / f"{name}-{time.monotonic_ns()}"
        home.mkdir()
        wanted = spoil(task(NAMES[name], part, feed))
        return lap(name, command, wanted, place_in(home, kafka.url, home.name), 0)["events_per_core_second"]

    loop = (sys.executable, "-m", "bench.parts.workers.aiokafka_loop")
    assert run("aiokafka_loop", Part.WINDOWS, loop) > 0
    assert run("raw_fetch", Part.LIMITS, NAMES["raw_fetch"].command()) > 0
    with pytest.raises(WrongWork, match="raw_fetch has not done its part: limits records: "):
        run(
            "raw_fetch",
            Part.LIMITS,
            NAMES["raw_fetch"].command(),
            lambda each: Task(each.order, {"records": 1}, each.known, 1),
        )
    with pytest.raises(RuntimeError, match="aiokafka_loop has ended without a result"):
        run("aiokafka_loop", Part.WINDOWS, ("/bin/false",))


@pytest.mark.faults
@pytest.mark.timeout(1800)
def test_every_contestant_does_every_part(tmp_path: Path) -> None:
    need("kafka")
    output = tmp_path / "parts.json"
    command = (sys.executable, "-m", "bench", "parts", "--size", "tiny", "--output", str(output))
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(output.read_text())
    assert set(told["rounds"][0]) == set(turned(0, [each for each in ENTRANTS if each.name not in told["skipped"]]))
    again = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert "0 laps to measure" in again.stderr
