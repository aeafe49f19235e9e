"""The guard tells a drop of the main job from chance, and says so loudly; what it measures is the whole main job."""

import hashlib
import json
import random
import subprocess
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from bench import guard, paired, reference, trend
from bench.stages import CHUNK, STAGES, Backlog, Fetched, Job
from bench.trend import Point, Verdict
from streams.batch import Chunk
from streams.errors import ConfigurationError

ROOT = Path(__file__).parent.parent.parent
EVENTS = 400
USUAL = Point(
    at="2026-01-01T00:00:00+00:00",
    ratio=0.1,
    spread=[0.1, 0.1, 0.1],
    stages={"decode": 2.0, "render": 4.0},
    job_us=14.0,
    reference_us=1.4,
    work="loop/events",
    python="3.11",
    processor="usual",
    cores=2,
    version="1",
)


def run(ratio: float, **more: object) -> Point:
    """A run as usual, but for this."""
    return replace(USUAL, ratio=ratio, spread=[ratio] * 3, **more)


def drawn(dice: random.Random, middle: float, deviation: float) -> Point:
    """A run of three processes whose ratios lie about the middle by chance."""
    spread = sorted(dice.gauss(middle, deviation * middle) for _ in range(3))
    return replace(USUAL, ratio=spread[1], spread=spread)


@pytest.mark.parametrize("deviation", [0.005, 0.02, 0.04])
def test_chance_is_no_drop_and_a_quarter_less_is(deviation: float) -> None:
    false, missed = 0, 0
    for seed in range(300):
        dice = random.Random(seed)
        history = [drawn(dice, 0.1, deviation) for _ in range(12)]
        false += trend.judge(drawn(dice, 0.1, deviation), history).is_drop
        missed += not trend.judge(drawn(dice, 0.075, deviation), history).is_drop
    assert false <= 6, f"{false} of 300 runs that differ by chance alone are called drops"
    assert missed <= 30, f"{missed} of 300 drops by a quarter are not seen"


def test_a_gain_is_no_drop() -> None:
    verdict = trend.judge(run(0.2), [run(0.1)] * 5)
    assert not verdict.is_drop
    assert verdict.drop == pytest.approx(-1)


def test_without_enough_history_only_a_large_drop_is_told() -> None:
    assert trend.judge(USUAL, []) == Verdict(None, 0.0, 0, {}, 0.0)
    assert "nothing is judged" in guard.told(USUAL, trend.judge(USUAL, []))
    assert not trend.judge(run(0.09), [USUAL]).is_drop
    assert trend.judge(run(0.08), [USUAL]).is_drop


def test_only_runs_of_the_same_work_count_and_those_of_this_processor_first() -> None:
    other = [run(0.5, work="other"), run(0.5, python="3.12")]
    elsewhere = [run(0.2, processor="quick")] * 4
    assert trend.comparable(USUAL, other) == []
    assert trend.comparable(USUAL, [*other, *elsewhere, USUAL]) == [*elsewhere, USUAL]
    assert trend.comparable(USUAL, [*elsewhere, *[USUAL] * trend.FEWEST]) == [USUAL] * trend.FEWEST


def test_a_drop_is_told_on_stderr_with_the_stage_and_noise_is_not(capfd: pytest.CaptureFixture[str]) -> None:
    history = [run(0.1), run(0.101), run(0.099), run(0.1)]
    guard.tell(run(0.098), history)
    quiet = capfd.readouterr()
    assert "No drop: 0.098 against 0.100 as usual, over 4 runs; 2.0% lower" in quiet.out
    assert not quiet.err
    guard.tell(run(0.07, stages={"decode": 2.02, "render": 8.0}), history)
    loud = capfd.readouterr()
    for stream in (loud.out, loud.err):
        assert "THE MAIN JOB HAS BECOME SLOWER: 0.070 against 0.100 as usual, over 4 runs; 30.0% lower" in stream
        assert "against usual: render 2.00 times." in stream


def test_history_is_kept_line_by_line_and_a_broken_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "results" / "history.jsonl"
    assert trend.read(path) == []
    trend.append(path, USUAL)
    trend.append(path, run(0.2))
    assert trend.read(path) == [USUAL, run(0.2)]
    with path.open("a") as file:
        file.write('{"at": 7}\n')
    with pytest.raises(ConfigurationError, match=r"history\.jsonl:3 is no run of the guard: .*; remove the line"):
        trend.read(path)


def test_what_is_checked_in_can_be_read() -> None:
    assert all(set(point.stages) == set(STAGES) for point in trend.read(guard.HISTORY))


def test_the_fixed_loop_is_what_it_was() -> None:
    values = reference.values()
    assert len(set(values)) == reference.EVENTS
    found = hashlib.sha256(Path(reference.__file__).read_bytes()).hexdigest()[:16]
    assert found == "f63ca87d0e9598ce", "the unit of every ratio in the history: restore bench/reference.py"


@pytest.fixture(scope="module")
def backlog() -> Backlog:
    """A few events of both domains."""
    return Backlog(EVENTS)


def test_every_turn_brings_the_same_events_anew_at_the_offsets_that_follow(backlog: Backlog) -> None:
    ends: dict[str, int] = {}
    ids = set()
    for turn in range(2):
        batches = backlog.batches(turn, 150)
        assert [sum(len(chunk.records) for chunk in chunks) for chunks in batches] == [150, 150, 100]
        for chunk in (chunk for chunks in batches for chunk in chunks):
            assert chunk.start == ends.get(chunk.topic, 0)
            assert len(chunk.records) <= CHUNK
            ends[chunk.topic] = chunk.end
            ids |= {json.loads(record.value or b"")["id"] for record in chunk.records}
    assert sum(ends.values()) == len(ids) == 2 * EVENTS
    assert backlog.digest == Backlog(EVENTS).digest != Backlog(EVENTS, seed=2).digest


def test_rounds_hold_the_whole_job_against_the_loop(backlog: Backlog) -> None:
    [found] = paired.rounds(backlog, 1, batch=200)
    assert tuple(found.stages) == STAGES
    assert all(cost > 0 for cost in found.stages.values())
    assert found.job == pytest.approx(sum(found.stages.values()))
    assert found.ratio == found.reference / found.job > 0
    assert paired.middle([found])["decode"] == found.stages["decode"] / found.reference


def test_work_that_is_refused_or_done_before_is_not_measured(backlog: Backlog) -> None:
    job, batches = Job(), backlog.batches(0, EVENTS)
    with pytest.raises(RuntimeError, match=r"are refused or taken for repeats: .*in_future"):
        job.work(batches, backlog.until - 3_600_000)
    spent = job.work(batches, backlog.until)
    assert spent.events == EVENTS > spent.rows > EVENTS // 2
    [chunks] = backlog.batches(0, EVENTS)
    later = [moved(chunk, by=EVENTS) for chunk in chunks]
    with pytest.raises(RuntimeError, match=r"are refused or taken for repeats: .*duplicate"):
        job.work([later], backlog.until)


def moved(chunk: Chunk, by: int) -> Chunk:
    """The same records at later offsets."""
    records = [Fetched(r.offset + by, r.timestamp, r.key or b"", r.value or b"") for r in chunk.records]
    return Chunk(chunk.topic, chunk.partition, chunk.start + by, chunk.end + by, records)


@pytest.mark.long
@pytest.mark.slow
def test_guard_never_fails_and_records_where_it_is_asked_to(tmp_path: Path) -> None:
    history = tmp_path / "history.jsonl"
    command = [sys.executable, "-m", "bench", "guard", "--processes", "1", "--rounds", "1", "--history", str(history)]
    first = subprocess.run([*command, "--record"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "nothing is judged" in first.stdout
    [point] = trend.read(history)
    for _ in range(3):
        trend.append(history, replace(point, ratio=10 * point.ratio))
    again = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "THE MAIN JOB HAS BECOME SLOWER" in again.stderr
    assert len(trend.read(history)) == 4
