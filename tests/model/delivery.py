"""The delivery as a model to search: how it begins, and what it promises of every state."""

from collections.abc import Iterable
from functools import partial
from typing import Any

from tests.model.live import ORIGINAL, REPEAT
from tests.model.rules import Bounds, Rules
from tests.model.search import Model
from tests.model.state import BEGIN, Chore, Record, Step, Worker, World
from tests.model.steps import after
from tests.support.promises import astray, misplaced, uneven

ROW = "row"


def delivery(rules: Rules, bounds: Bounds) -> Model[World]:
    """The model with these rules, of a world as large as this."""
    return Model(
        beginning(bounds),
        partial(after, rules=rules, bounds=bounds),
        partial(broken, bounds=bounds),
        partial(complete, bounds=bounds),
    )


def beginning(bounds: Bounds) -> World:
    """Nothing has happened; both workers believe that the shard is theirs."""
    down = Worker(Step.DOWN, BEGIN, None, 0, False)
    nothing: frozenset[Any] = frozenset()
    return World(
        0, (), (), None, (0,) * bounds.offsets, nothing, nothing, nothing, nothing, (down, down), bounds.faults
    )


def broken(world: World, bounds: Bounds) -> str:
    """Which promise a state breaks; empty if none."""
    records = world.history
    for record in records:
        if record.rows | record.dead != frozenset(range(record.start, record.end)):
            return f"record {record.seq} neither accepts nor refuses a part of its range"
    if not world.cuts and astray([(record.start, record.end) for record in records]):
        return "the ranges of the chain do not follow one another"
    if not world.cuts and any(worker.step is Step.STOPPED for worker in world.workers):
        return "a shard has stopped, and nothing was cut"
    for offset, what in misplaced(*_rows(world)):
        return f"offset {offset} is {what}"
    if bounds.repeats and world.table[ORIGINAL] + world.table[REPEAT] > 1:
        return "an event that was sent twice has two rows"
    if world.chore is Chore.DONE and uneven(dict(enumerate(world.table)), dict(enumerate(world.view))):
        return "the view has not the rows of its table"
    return _told_wrong(world)


def _rows(world: World) -> tuple[dict[int, list[str]], dict[int, list[str]]]:
    """Rows that must be there, those that are due only if they are; and those that are there."""
    wanted: dict[int, list[str]] = {}
    for offset, count in enumerate(world.table):
        accepted = {offset in record.rows for record in _over(world.history, offset)}
        if accepted == {True} and (count or any(offset < record.start for record in world.history)):
            wanted[offset] = [ROW]
    return wanted, {offset: [ROW] * count for offset, count in enumerate(world.table) if count}


def _over(records: Iterable[Record], offset: int) -> list[Record]:
    return [record for record in records if record.start <= offset < record.end]


def _told_wrong(world: World) -> str:
    """Live numbers count every event that the chain has accepted up to their stamp, once, and never go back."""
    if (told := world.told) is None:
        return ""
    if told.stamp < told.most:
        return "live numbers have gone back"
    records = [record for record in world.history if record.seq <= told.stamp]
    last = {offset: over[-1] for offset in range(len(world.table)) if (over := _over(records, offset))}
    wanted = {offset: 1 for offset, record in last.items() if offset in record.rows}
    for offset, counted, tells in uneven(wanted, dict(enumerate(told.counts))):
        return f"live numbers count offset {offset} {tells} times, not {counted}"
    return ""


def complete(world: World, bounds: Bounds) -> bool:
    """Whether all records were taken, all accepted rows are there, and whatever else the world has has happened."""
    for offset, count in enumerate(world.table):
        over = _over(world.history, offset)
        if not over or (offset in over[-1].rows) != bool(count):
            return False
    if bounds.view and world.chore is not Chore.DONE:
        return False
    return not bounds.live or (world.told is not None and world.told.stamp == world.history[-1].seq)
