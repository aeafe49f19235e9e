"""Every state that a model can reach, and the first one that breaks a promise."""

from collections import deque
from collections.abc import Callable, Hashable, Iterable
from typing import Generic, NamedTuple, TypeVar

State = TypeVar("State", bound=Hashable)


class Found(NamedTuple):
    """What a search has seen."""

    states: int
    way: list[str]
    """The shortest way to a state that breaks a promise, and which; empty if there is none."""
    complete: bool
    """Whether everything ever arrived: else nothing was shown."""


class Model(NamedTuple, Generic[State]):
    """A world and what can happen in it."""

    first: State
    after: Callable[[State], Iterable[tuple[str, State]]]
    """What may happen next, in words, and the state of then."""
    broken: Callable[[State], str]
    """Which promise a state breaks; empty if none."""
    complete: Callable[[State], bool]
    """Whether everything has arrived in a state."""


def search(model: Model[State], most: int = 3_000_000) -> Found:
    """Search breadth first, so that no shorter way exists. Raises OverflowError above `most` states."""
    came: dict[State, tuple[State, str] | None] = {model.first: None}
    todo = deque([model.first])
    complete = False
    while todo:
        world = todo.popleft()
        if why := model.broken(world):
            return Found(len(came), [*_way(came, world), why], complete)
        complete = complete or model.complete(world)
        for what, following in model.after(world):
            if following not in came:
                came[following] = (world, what)
                todo.append(following)
        if len(came) > most:
            raise OverflowError(f"more than {most:,} states")
    return Found(len(came), [], complete)


def _way(came: dict[State, tuple[State, str] | None], world: State) -> list[str]:
    way: list[str] = []
    while (before := came[world]) is not None:
        world, what = before
        way.append(what)
    return way[::-1]
