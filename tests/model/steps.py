"""What can happen in the model: the steps of the workers, of ClickHouse, of the clock, and the faults between them."""

from collections.abc import Iterator

from tests.model.rules import Bounds, Rules
from tests.model.state import BEGIN, Insert, Offsets, Record, Step, Worker, World

AGE = 1
"""A batch is aged when the clock is above its birth by more than this."""
LONGEST = 1
"""A query that ClickHouse has begun with ends within this (R8: the time limit of a receive)."""
WINDOW = AGE + LONGEST
"""How long a token is remembered (R8: age and longest insert)."""
REFUSED: tuple[Offsets, Offsets] = (frozenset(), frozenset({0}))
"""What each worker's version would refuse: they differ, as in a deploy."""

Happened = tuple[str, World]


def chain(world: World, rules: Rules) -> list[Record]:
    """The valid records, as every reader sees them; whoever comes to a log that was cut begins a chain in it."""
    found = [BEGIN._replace(nonce=f"begin {world.cuts}")]
    for record in world.log:
        last = found[-1]
        if not rules.valid:
            found.append(record)
        elif record.seq == last.seq + 1 and record.previous == last.nonce:
            same = (record.start, record.end) == (last.start, last.end)
            if same if record.missing is not None else record.start == last.end:
                found.append(record)
    return found


def after(world: World, rules: Rules, bounds: Bounds) -> Iterator[Happened]:
    """Every state that may follow."""
    yield from _outside(world, rules, bounds)
    for number in (0, 1):
        yield from _worker(world, rules, bounds, number)


def _with(world: World, number: int, worker: Worker, **changes: object) -> World:
    workers = tuple(worker if n == number else each for n, each in enumerate(world.workers))
    return world._replace(workers=workers, **changes)  # type: ignore[arg-type]


def _take(world: World, block: Insert, rules: Rules) -> World:
    """ClickHouse writes a block, unless it remembers its token."""
    if rules.token and any(token == block.token for token, _ in world.tokens):
        return world
    table = tuple(count + (offset in block.rows) for offset, count in enumerate(world.table))
    witness = max(world.witness or (0, ""), block.token)
    return world._replace(table=table, tokens=world.tokens | {(block.token, world.clock)}, witness=witness)


def _appended(world: World, record: Record) -> World:
    """The record stands in the log; `history` remembers it if it is valid there."""
    there = world._replace(log=(*world.log, record))
    valid = chain(there, Rules())[-1] is record
    return there._replace(history=(*world.history, record)) if valid else there


def _outside(world: World, rules: Rules, bounds: Bounds) -> Iterator[Happened]:
    if world.clock < bounds.clock and all(world.clock < block.since + LONGEST for block in world.running):
        kept = WINDOW if rules.window else 0
        tokens = frozenset(each for each in world.tokens if world.clock + 1 - each[1] <= kept)
        yield "time passes", world._replace(clock=world.clock + 1, tokens=tokens)
    # Before the first row of a shard is in ClickHouse, nothing tells a log that was cut from a new one.
    if world.log and world.witness and world.faults:
        yield "the log is cut", world._replace(log=(), faults=world.faults - 1, cuts=world.cuts + 1)
    for record in world.appends:
        yield "a late append arrives", _appended(world, record)._replace(appends=world.appends - {record})
    for block in world.network:
        left = world._replace(network=world.network - {block})
        if rules.fresh and world.clock > block.born + AGE:
            yield "ClickHouse refuses an aged block", left
        else:
            yield (
                "a late block reaches ClickHouse",
                left._replace(running=world.running | {block._replace(since=world.clock)}),
            )
    for block in world.running:
        left = world._replace(running=world.running - {block})
        yield "a late block is written", _take(left, block, rules)
        if world.faults:
            lost = left.tokens | {(block.token, world.clock)}
            yield (
                "ClickHouse dies between token and part",
                left._replace(tokens=lost, running=frozenset(), faults=world.faults - 1),
            )


def _worker(world: World, rules: Rules, bounds: Bounds, number: int) -> Iterator[Happened]:
    worker, name = world.workers[number], f"worker {number}"
    if worker.step is not Step.DOWN and world.faults:
        gone = Worker(Step.DOWN, BEGIN, None, worker.proposals, False)
        yield f"{name} dies", _with(world, number, gone, faults=world.faults - 1)
    match worker.step:
        case Step.DOWN:
            yield f"{name} recovers", _with(world, number, _recovered(world, rules, worker))
        case Step.READY if worker.proposals < bounds.proposals:
            for end in range(worker.last.end + 1, bounds.offsets + 1):
                span = frozenset(range(worker.last.end, end))
                rows, dead = span - REFUSED[number], span & REFUSED[number]
                yield f"{name} proposes", _propose(world, number, (worker.last.end, end), rows, dead, None)
                if world.faults and rows and not rules.gaps:
                    less = world._replace(faults=world.faults - 1)
                    rows -= {max(rows)}
                    yield (
                        f"{name} proposes with a gap",
                        _propose(less, number, (worker.last.end, end), rows, dead, None),
                    )
        case Step.APPENDING:
            yield from _append(world, rules, number)
        case Step.SENDING:
            yield from _send(world, rules, number)
        case Step.COUNTING:
            yield from _count(world, rules, bounds, number)


def _recovered(world: World, rules: Rules, worker: Worker) -> Worker:
    worker = worker._replace(cuts=world.cuts)
    records = chain(world, rules)
    if rules.cut and world.witness is not None and all(record.token != world.witness for record in records):
        return worker._replace(step=Step.STOPPED)
    last = records[-1]
    if not last.wanted or not rules.second:
        return worker._replace(step=Step.READY, last=last)
    step = Step.COUNTING if world.clock > last.born + AGE else Step.SENDING
    return worker._replace(step=step, last=last, unknown=True)


def _propose(
    world: World, number: int, span: tuple[int, int], rows: Offsets, dead: Offsets, missing: Offsets | None
) -> World:
    worker = world.workers[number]
    nonce = f"{number}{worker.proposals}"
    own = Record(worker.last.seq + 1, worker.last.nonce, nonce, *span, rows, dead, world.clock, missing)
    return _with(
        world, number, worker._replace(step=Step.APPENDING, own=own, proposals=worker.proposals + 1, unknown=False)
    )


def _append(world: World, rules: Rules, number: int) -> Iterator[Happened]:
    worker = world.workers[number]
    own = worker.own
    assert own is not None
    there = _appended(world, own)
    if rules.cut and worker.cuts != world.cuts:
        # The record is not where it was acknowledged: beyond what was read.
        yield f"worker {number} finds the log cut", _with(there, number, worker._replace(step=Step.STOPPED))
        return
    down = Worker(Step.DOWN, BEGIN, None, worker.proposals, False)
    if chain(there, rules)[-1] is own:
        step = Step.SENDING if own.wanted else Step.READY
        yield (
            f"worker {number} appends a valid record",
            _with(there, number, Worker(step, own, None, worker.proposals, False, worker.cuts)),
        )
    else:
        yield f"worker {number} appends a void record and lets go", _with(there, number, down)
    if world.faults:
        yield (
            f"an append of worker {number} is held back",
            _with(world, number, down, appends=world.appends | {own}, faults=world.faults - 1),
        )


def _send(world: World, rules: Rules, number: int) -> Iterator[Happened]:
    worker = world.workers[number]
    last = worker.last
    aged = world.clock > last.born + AGE
    wanted = last.wanted
    if not rules.record:
        wanted = frozenset(offset for offset in wanted if offset not in REFUSED[number])
    block = Insert(last.token, wanted, last.born)
    if aged:
        yield f"worker {number} sees that its batch has aged", _with(world, number, worker._replace(step=Step.COUNTING))
    if not (aged and rules.fresh):
        written = _take(world, block, rules)
        there = all(written.table[offset] for offset in last.wanted)
        if there or not worker.unknown or not rules.counted:
            yield f"worker {number} inserts", _with(written, number, worker._replace(step=Step.READY))
        else:
            yield f"worker {number} inserts in vain", _with(written, number, worker)
    if world.faults:
        held = world.network | {block}
        step = Step.SENDING if rules.acknowledged else Step.READY
        yield (
            f"an insert of worker {number} is not answered",
            _with(world, number, worker._replace(unknown=True, step=step), network=held, faults=world.faults - 1),
        )


def _count(world: World, rules: Rules, bounds: Bounds, number: int) -> Iterator[Happened]:
    worker = world.workers[number]
    last = worker.last
    if world.clock <= last.born + AGE:
        return
    if rules.settle and any(block.token == last.token for block in world.running):
        return
    lacking = frozenset(offset for offset in last.rows if not world.table[offset])
    if not rules.missing:
        lacking = last.rows
    if not lacking:
        yield f"worker {number} counts all rows", _with(world, number, worker._replace(step=Step.READY))
    elif worker.proposals < bounds.proposals:
        yield (
            f"worker {number} supersedes",
            _propose(world, number, (last.start, last.end), last.rows, last.dead, lacking),
        )
