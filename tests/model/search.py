"""Every state that the model can reach, and the first one that breaks an invariant."""

from collections import deque
from typing import Any

from tests.model.rules import Bounds, Rules
from tests.model.state import BEGIN, Step, Worker, World
from tests.model.steps import after


def beginning(bounds: Bounds) -> World:
    """Nothing has happened; both workers believe that the shard is theirs."""
    down = Worker(Step.DOWN, BEGIN, None, 0, False)
    nothing: frozenset[Any] = frozenset()
    return World(
        0, (), (), None, (0,) * bounds.offsets, nothing, nothing, nothing, nothing, (down, down), bounds.faults
    )


def broken(world: World) -> str:
    """Which promise a state breaks; empty if none.

    These are what the store is held to everywhere: no row twice, none that no valid record accepts, and nothing
    missing below the range of the last valid record.
    """
    records = world.history
    for record in records:
        if record.rows | record.dead != frozenset(range(record.start, record.end)):
            return f"record {record.seq} neither accepts nor refuses a part of its range"
    for offset, count in enumerate(world.table):
        accepted = {offset in record.rows for record in records if record.start <= offset < record.end}
        if count > 1:
            return f"offset {offset} has {count} rows"
        if count and accepted != {True}:
            return f"offset {offset} has a row that no valid record accepts"
        if not count and accepted == {True} and any(offset < record.start for record in records):
            return f"offset {offset} has no row, although the chain is beyond it"
    return ""


def search(rules: Rules, bounds: Bounds, most: int = 3_000_000) -> tuple[int, list[str], bool]:
    """States seen, the shortest way to a broken one (empty if there is none), and whether all rows ever arrived.

    Breadth first, so no shorter way exists. Raises OverflowError above `most` states.
    """
    first = beginning(bounds)
    came: dict[World, tuple[World, str] | None] = {first: None}
    todo = deque([first])
    complete = False
    while todo:
        world = todo.popleft()
        if why := broken(world):
            return len(came), [*_way(came, world), why], complete
        complete = complete or all(world.table)
        for what, following in after(world, rules, bounds):
            if following not in came:
                came[following] = (world, what)
                todo.append(following)
        if len(came) > most:
            raise OverflowError(f"more than {most:,} states")
    return len(came), [], complete


def _way(came: dict[World, tuple[World, str] | None], world: World) -> list[str]:
    way: list[str] = []
    while (before := came[world]) is not None:
        world, what = before
        way.append(what)
    return way[::-1]
