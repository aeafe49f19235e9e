"""What can happen in the model: the steps of the workers, and the faults between them."""

from collections.abc import Iterator

from tests.model import live, view
from tests.model.outside import AGE, appended, around, chain, take
from tests.model.rules import NOTHING, Bounds, Offsets, Rules
from tests.model.state import BEGIN, Happened, Insert, Record, Step, Worker, World, with_worker

REFUSED: tuple[Offsets, Offsets] = (frozenset(), frozenset({0}))
"""What each worker's version would refuse: they differ, as in a deploy."""


def after(world: World, rules: Rules, bounds: Bounds) -> Iterator[Happened]:
    """Every state that may follow."""
    yield from around(world, rules, bounds)
    if bounds.view:
        yield from view.create(world, rules)
    for number in (0, 1):
        yield from _worker(world, rules, bounds, number)


def _worker(world: World, rules: Rules, bounds: Bounds, number: int) -> Iterator[Happened]:
    worker, name = world.workers[number], f"worker {number}"
    if worker.step is not Step.DOWN and world.faults:
        yield f"{name} dies", with_worker(world, number, _down(worker), faults=world.faults - 1)
    yield from live.tell(world, rules, bounds, number)
    may_begin = not (rules.hold and view.is_held(world))
    match worker.step:
        case Step.DOWN if may_begin:
            yield f"{name} recovers", with_worker(world, number, _recovered(world, rules, bounds, worker))
        case Step.READY if may_begin and worker.proposals < bounds.proposals:
            yield from _fill(world, rules, bounds, number)
        case Step.APPENDING:
            yield from _append(world, rules, bounds, number)
        case Step.SENDING:
            yield from _send(world, rules, bounds, number)
        case Step.TESTIFYING:
            witness = max(world.witness or (0, ""), worker.last.token)
            yield f"{name} writes a line", with_worker(world, number, _ready(worker), witness=witness)
        case Step.COUNTING if may_begin:
            yield from _count(world, rules, bounds, number)


def _down(worker: Worker) -> Worker:
    """What it knew is gone, but for the numbers that its records do not have again."""
    return Worker(Step.DOWN, BEGIN, None, worker.proposals, False)


def _ready(worker: Worker) -> Worker:
    """The last record is delivered."""
    return live.counted(worker._replace(step=Step.READY, refused=NOTHING))


def _delivered_or(worker: Worker, step: Step, bounds: Bounds) -> Worker:
    """At `step` if the last record has rows to deliver; else done, but perhaps for its line."""
    if worker.last.wanted:
        return worker._replace(step=step)
    if bounds.retention and worker.last.seq:
        return worker._replace(step=Step.TESTIFYING)
    return _ready(worker)


def _recovered(world: World, rules: Rules, bounds: Bounds, worker: Worker) -> Worker:
    worker = worker._replace(cuts=world.cuts)
    records = chain(world, rules)
    if rules.cut and world.witness is not None and all(record.token != world.witness for record in records):
        return worker._replace(step=Step.STOPPED)
    last = records[-1]
    counts = live.recovered(world, rules, bounds, last)
    worker = worker._replace(last=last, counts=counts, due=bool(counts), unknown=bool(last.wanted) and rules.second)
    if not rules.second:
        return _ready(worker)
    return _delivered_or(worker, Step.COUNTING if world.clock > last.born + AGE else Step.SENDING, bounds)


def _fill(world: World, rules: Rules, bounds: Bounds, number: int) -> Iterator[Happened]:
    worker, name = world.workers[number], f"worker {number}"
    for end in range(worker.last.end + 1, bounds.offsets + 1):
        span = frozenset(range(worker.last.end, end))
        dead = span & REFUSED[number]
        dead |= live.repeats(worker, span - dead, bounds)
        rows = span - dead
        yield f"{name} proposes", _propose(world, number, (worker.last.end, end), rows, dead, None)
        if world.faults and rows and not rules.gaps:
            less = world._replace(faults=world.faults - 1)
            yield (
                f"{name} proposes with a gap",
                _propose(less, number, (worker.last.end, end), rows - {max(rows)}, dead, None),
            )
    if bounds.retention and rules.lasts and worker.last.seq and world.clock > worker.last.born:
        end = worker.last.end
        yield f"{name} repeats an empty record", _propose(world, number, (end, end), NOTHING, NOTHING, None)


def _propose(
    world: World, number: int, span: tuple[int, int], rows: Offsets, dead: Offsets, missing: Offsets | None
) -> World:
    worker = world.workers[number]
    nonce = f"{number}{worker.proposals}"
    own = Record(worker.last.seq + 1, worker.last.nonce, nonce, *span, rows, dead, world.clock, missing)
    return with_worker(
        world, number, worker._replace(step=Step.APPENDING, own=own, proposals=worker.proposals + 1, unknown=False)
    )


def _append(world: World, rules: Rules, bounds: Bounds, number: int) -> Iterator[Happened]:
    worker = world.workers[number]
    own = worker.own
    assert own is not None
    there = appended(world, own)
    if rules.cut and worker.cuts != world.cuts:
        # The record is not where it was acknowledged: beyond what was read.
        yield f"worker {number} finds the log cut", with_worker(there, number, worker._replace(step=Step.STOPPED))
        return
    if chain(there, rules)[-1] is own:
        # A superseding record has the rows of one that was counted, or is due.
        due = bool(worker.counts) if own.missing is None else worker.due
        follows = worker._replace(last=own, own=None, due=due, refused=NOTHING)
        if own.missing is None:
            follows = live.counted(follows)
        yield (
            f"worker {number} appends a valid record",
            with_worker(there, number, _delivered_or(follows, Step.SENDING, bounds)),
        )
    else:
        yield f"worker {number} appends a void record and lets go", with_worker(there, number, _down(worker))
    if world.faults:
        yield (
            f"an append of worker {number} is held back",
            with_worker(world, number, _down(worker), appends=world.appends | {own}, faults=world.faults - 1),
        )


def _send(world: World, rules: Rules, bounds: Bounds, number: int) -> Iterator[Happened]:
    worker, name = world.workers[number], f"worker {number}"
    last = worker.last
    aged = world.clock > last.born + AGE
    wanted = last.wanted
    if not rules.record:
        wanted = frozenset(offset for offset in wanted if offset not in REFUSED[number])
    block = Insert(last.token, wanted, last.born)
    if aged:
        yield f"{name} sees that its batch has aged", with_worker(world, number, worker._replace(step=Step.COUNTING))
    if wanted & bounds.refused:
        if rules.refused:
            told = worker._replace(step=Step.COUNTING, refused=wanted & bounds.refused)
            yield f"{name} is refused its block, and finds the rows", with_worker(world, number, told)
    elif not (aged and rules.fresh):
        written = take(world, block, rules)
        there = all(written.table[offset] for offset in last.wanted)
        if there or not worker.unknown or not rules.counted:
            yield f"{name} inserts", with_worker(written, number, _ready(worker))
        else:
            yield f"{name} inserts in vain", with_worker(written, number, worker)
    if world.faults:
        lost = worker._replace(unknown=True)
        yield (
            f"an insert of {name} is not answered",
            with_worker(
                world,
                number,
                lost if rules.acknowledged else _ready(lost),
                network=world.network | {block},
                faults=world.faults - 1,
            ),
        )


def _count(world: World, rules: Rules, bounds: Bounds, number: int) -> Iterator[Happened]:
    worker, name = world.workers[number], f"worker {number}"
    last = worker.last
    if world.clock <= last.born + AGE:
        return
    if rules.settle and any(block.token == last.token for block in world.running):
        return
    lacking = frozenset(offset for offset in last.rows if not world.table[offset])
    if not rules.missing:
        lacking = last.rows
    if not lacking:
        yield f"{name} counts all rows", with_worker(world, number, _ready(worker))
    elif worker.proposals < bounds.proposals:
        rows, dead = last.rows - worker.refused, last.dead | worker.refused
        span = (last.start, last.end)
        yield f"{name} supersedes", _propose(world, number, span, rows, dead, lacking - worker.refused)
