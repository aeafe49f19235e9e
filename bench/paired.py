"""The main job beside the fixed loop, one after the other in the same seconds: what slows the machine slows both."""

import multiprocessing
import statistics
from collections.abc import Iterator
from dataclasses import dataclass

from bench import reference
from bench.peers.job import settle
from bench.stages import STAGES, Backlog, Job, Spent

EVENTS = 20_000
BATCH = 10_000
"""Two batches a round: the first one makes most lines of the windows, the second one finds them."""


@dataclass(frozen=True, slots=True)
class Round:
    """One turn of the main job between two of the fixed loop, in microseconds of CPU an event."""

    reference: float
    stages: dict[str, float]

    @property
    def job(self) -> float:
        """All stages."""
        return sum(self.stages.values())

    @property
    def ratio(self) -> float:
        """How fast the main job is, as a share of the fixed loop's speed."""
        return self.reference / self.job


def rounds(backlog: Backlog, count: int, batch: int = BATCH) -> Iterator[Round]:
    """So many rounds, after one that is not counted: it fills caches, and touches memory for the first time."""
    job, events = Job(), reference.values()
    before = reference.run(events)
    for turn in range(count + 1):
        spent = job.work(backlog.batches(turn, batch), backlog.until)
        after = reference.run(events)
        if turn:
            yield _round(spent, (before + after) / 2)
        before = after


def in_processes(processes: int, count: int, events: int = EVENTS, batch: int = BATCH) -> list[list[Round]]:
    """The same in several processes, one after the other: where the memory of a process lies is chance, and costs."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1, maxtasksperchild=1) as pool:
        return [pool.apply(_alone, (count, events, batch)) for _ in range(processes)]


def middle(found: list[Round]) -> dict[str, float]:
    """Each stage as a share of what the fixed loop costs an event: medians over the rounds."""
    return {name: statistics.median(each.stages[name] / each.reference for each in found) for name in STAGES}


def _alone(count: int, events: int, batch: int) -> list[Round]:
    settle()
    return list(rounds(Backlog(events), count, batch))


def _round(spent: Spent, seconds: float) -> Round:
    stages = {name: each / spent.events * 1e6 for name, each in spent.seconds.items()}
    return Round(seconds / reference.EVENTS * 1e6, stages)
