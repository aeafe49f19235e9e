"""The faults of a run come from its seed alone, and every kind has its turn."""

import argparse
from collections import Counter

import pytest

from deploy.local.tools import TOOLS
from tests.faults.__main__ import SIZES, kinds, missing, parser, seeds
from tests.faults.kinds import KINDS
from tests.faults.schedule import CALM, ORDINARY, draw
from tests.faults.site import MOST_WORKERS

SEEDS = range(60)


def test_the_same_seed_draws_the_same_faults() -> None:
    assert draw(7, 25) == draw(7, 25)
    assert draw(7, 25).faults != draw(8, 25).faults


@pytest.mark.parametrize("seed", SEEDS)
def test_a_schedule_keeps_within_what_its_kinds_need(seed: int) -> None:
    schedule = draw(seed, 60)
    assert len(schedule.faults) == 60
    running = schedule.workers
    for fault in schedule.faults:
        kind = KINDS[fault.kind]
        assert kind.workers[0] <= running <= kind.workers[1]
        assert kind.seconds[0] <= fault.seconds <= kind.seconds[1]
        assert schedule.short_age or not kind.short_age
        running += kind.change
        assert 1 <= running <= MOST_WORKERS
    for fault, after in zip(schedule.faults, schedule.faults[1:], strict=False):
        calm = KINDS[fault.kind].part in CALM or KINDS[after.kind].part in CALM
        assert not (fault.overlaps and calm)
    assert not schedule.faults[-1].overlaps


def test_every_kind_comes_over_the_days() -> None:
    """The small run of each day: ten faults at least, one of which takes long, and within two months all kinds."""
    assert SIZES["ci"].faults >= 10
    runs = [draw(seed, SIZES["ci"].faults, brief=True) for seed in SEEDS]
    assert {len(run.faults) for run in runs} == {SIZES["ci"].faults}
    assert {sum(KINDS[fault.kind].long for fault in run.faults) for run in runs} == {1}
    assert all(run.short_age or not KINDS[fault.kind].short_age for run in runs for fault in run.faults)
    assert Counter(fault.kind for run in runs for fault in run.faults).keys() == set(ORDINARY)


def test_a_kind_that_was_asked_for_alone_is_caused() -> None:
    for name in KINDS:
        assert {fault.kind for seed in range(8) for fault in draw(seed, 2, [name]).faults} == {name}


def test_the_long_run_is_long_enough() -> None:
    size = SIZES["long"]
    runs = len(seeds(size.seeds))
    assert runs * size.faults >= 200
    assert runs * size.events >= 10_000_000


def test_a_missing_tool_is_told_with_what_needs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TOOLS, "kafka", TOOLS["kafka"]._replace(find=lambda: "here"))
    monkeypatch.setitem(TOOLS, "faketime", TOOLS["faketime"]._replace(find=lambda: None))
    assert missing(["worker-kill", "worker-clock"]) == "faketime is missing for worker-clock (or leave it --without)"
    assert missing(["worker-kill"]) == ""


def test_words_of_the_command_line() -> None:
    assert seeds("1-3,8") == [1, 2, 3, 8]
    assert seeds("today")[0] > 700_000
    assert kinds("broker-kill,stores") == ["broker-kill", "redis-refuses", "redis-kill", "postgres-kill"]
    assert kinds("deploy,versions") == ["deploy", "two-versions"]
    with pytest.raises(argparse.ArgumentTypeError, match=r"--seeds 1-x: give numbers and ranges"):
        seeds("1-x")
    with pytest.raises(argparse.ArgumentTypeError, match=r"--kinds flood: there is no such kind"):
        kinds("flood")
    assert all(size.about in parser().format_help() for size in SIZES.values())


def test_only_the_kinds_that_were_named_are_drawn() -> None:
    assert {fault.kind for fault in draw(1, 9, ["broker-kill", "scale-up", "scale-down"]).faults} <= {
        "broker-kill",
        "scale-up",
        "scale-down",
    }
