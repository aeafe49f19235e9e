"""What happens in the model without the workers: the log, ClickHouse, the clock, and faults of theirs."""

from collections.abc import Iterator

from tests.model.rules import Bounds, Rules
from tests.model.state import BEGIN, Chore, Happened, Insert, Record, World

AGE = 1
"""A batch is aged when the clock is above its birth by more than this."""
LONGEST = 1
"""A query that ClickHouse has begun with ends within this (R8: the time limit of a receive)."""
WINDOW = AGE + LONGEST
"""How long a token is remembered (R8: age and longest insert)."""


def chain(world: World, rules: Rules) -> list[Record]:
    """The valid records, as every reader sees them: from what ClickHouse testifies to, if the log holds it.

    Whoever comes to a log that was cut begins a chain in it.
    """
    found, log = [BEGIN._replace(nonce=f"begin {world.cuts}")], world.log
    for number, record in enumerate(log):
        if record.token == world.witness:
            found, log = [record], log[number + 1 :]
            break
    for record in log:
        last = found[-1]
        if not rules.valid:
            found.append(record)
        elif record.seq == last.seq + 1 and record.previous == last.nonce:
            same = (record.start, record.end) == (last.start, last.end)
            if same if record.missing is not None else record.start == last.end:
                found.append(record)
    return found


def take(world: World, block: Insert, rules: Rules) -> World:
    """ClickHouse writes a block, unless it remembers its token; a view that is there is filled by the same insert."""
    if rules.token and any(token == block.token for token, _ in world.tokens):
        return world
    table = tuple(count + (offset in block.rows) for offset, count in enumerate(world.table))
    view = world.view
    if world.chore is Chore.DONE:
        view = tuple(count + (offset in block.rows) for offset, count in enumerate(view))
    witness = max(world.witness or (0, ""), block.token)
    return world._replace(table=table, view=view, tokens=world.tokens | {(block.token, world.clock)}, witness=witness)


def appended(world: World, record: Record) -> World:
    """The record stands in the log; `history` remembers it if it is valid there."""
    there = world._replace(log=(*world.log, record))
    valid = chain(there, Rules())[-1] is record
    return there._replace(history=(*world.history, record)) if valid else there


def around(world: World, rules: Rules, bounds: Bounds) -> Iterator[Happened]:
    """Every state that may follow without a worker."""
    yield from _time(world, rules, bounds)
    # Before the first row of a shard is in ClickHouse, nothing tells a log that was cut from a new one.
    if world.log and world.witness and world.faults:
        yield "the log is cut", world._replace(log=(), faults=world.faults - 1, cuts=world.cuts + 1)
    for record in world.appends:
        yield "a late append arrives", appended(world, record)._replace(appends=world.appends - {record})
    for block in world.network:
        left = world._replace(network=world.network - {block})
        if rules.fresh and world.clock > block.born + AGE:
            yield "ClickHouse refuses an aged block", left
        elif block.rows & bounds.refused:
            yield "ClickHouse refuses a late block for one of its rows", left
        else:
            running = left.running | {block._replace(since=world.clock)}
            yield "a late block reaches ClickHouse", left._replace(running=running)
    for block in world.running:
        left = world._replace(running=world.running - {block})
        yield "a late block is written", take(left, block, rules)
        if world.faults:
            lost = left.tokens | {(block.token, world.clock)}
            yield (
                "ClickHouse dies between token and part",
                left._replace(tokens=lost, running=frozenset(), faults=world.faults - 1),
            )


def _time(world: World, rules: Rules, bounds: Bounds) -> Iterator[Happened]:
    if world.clock == bounds.clock or any(world.clock >= block.since + LONGEST for block in world.running):
        return
    clock = world.clock + 1
    kept = WINDOW if rules.window else 0
    passed = world._replace(clock=clock, tokens=frozenset(each for each in world.tokens if clock - each[1] <= kept))
    if bounds.retention:
        log = tuple(record for record in world.log if clock - record.born <= bounds.retention)
        # Until ClickHouse testifies to something, the log is read from its beginning.
        needed = {world.witness, chain(world, rules)[-1].token}
        gone = [record for record in world.log if record not in log]
        if rules.lasts and any(record.token in needed or world.witness is None for record in gone):
            return  # retention is so long that the batch is delivered, and the record repeated, by then
        passed = passed._replace(log=log)
    yield "time passes", passed
