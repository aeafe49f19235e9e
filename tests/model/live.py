"""What a worker of the model keeps in memory of accepted events: its windows, told live, and which it knows (R12)."""

from collections.abc import Iterator

from tests.model.rules import Bounds, Offsets, Rules
from tests.model.state import Counts, Happened, Record, Step, Told, Worker, World

ORIGINAL, REPEAT = 0, 2
"""Where repeats are sent, the event at one offset is the event at the other.

A batch may lie between them: the last one is known again, whatever else is not, for it is delivered again.
"""


def recovered(world: World, rules: Rules, bounds: Bounds, last: Record) -> Counts:
    """What a worker begins with: the rows below the start of the last record, which counts once it is delivered."""
    if not bounds.remembers:
        return ()
    if not rules.state:
        return world.told.counts if world.told else (0,) * bounds.offsets
    return tuple(count if offset < last.start else 0 for offset, count in enumerate(world.table))


def counted(worker: Worker) -> Worker:
    """The worker has counted its last record, unless it had before."""
    if not worker.due:
        return worker
    counts = tuple(count + (offset in worker.last.rows) for offset, count in enumerate(worker.counts))
    return worker._replace(counts=counts, due=False)


def repeats(worker: Worker, rows: Offsets, bounds: Bounds) -> Offsets:
    """Of these offsets those that the worker leaves out, for it knows their event."""
    if bounds.repeats and REPEAT in rows and (ORIGINAL in rows or worker.counts[ORIGINAL]):
        return frozenset({REPEAT})
    return frozenset()


def tell(world: World, rules: Rules, bounds: Bounds, number: int) -> Iterator[Happened]:
    """A worker sets the live numbers; however late it does so, they are those of the record that it stands on."""
    worker, told = world.workers[number], world.told
    stands = worker.step in (Step.READY, Step.SENDING, Step.COUNTING) and not worker.due
    stamp = worker.last.seq
    if not bounds.live or not stands or not stamp or (rules.stamp and told and stamp < told.stamp):
        return
    most = max(stamp, told.most if told else 0)
    yield f"worker {number} tells live numbers", world._replace(told=Told(stamp, worker.counts, most))
