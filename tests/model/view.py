"""Maintenance in the model: somebody creates a view over the table, and fills it from the rows (R10)."""

from collections.abc import Iterator

from tests.model.outside import AGE
from tests.model.rules import Rules
from tests.model.state import Chore, Happened, Step, World


def is_held(world: World) -> bool:
    """Whether the shards are asked to do nothing new."""
    return world.chore is Chore.HELD or world.chore is Chore.COPIED


def create(world: World, rules: Rules) -> Iterator[Happened]:
    """The next thing that this person does: hold, copy, attach and release; without R10 there is no hold."""
    match world.chore:
        case Chore.NONE if rules.hold:
            yield "a hold is placed", world._replace(chore=Chore.HELD)
        case Chore.NONE:
            yield "the rows are copied", world._replace(chore=Chore.COPIED, view=world.table)
        case Chore.HELD if _is_quiet(world):
            yield "the rows are copied", world._replace(chore=Chore.COPIED, view=world.table)
        case Chore.COPIED:
            yield "the view is attached", world._replace(chore=Chore.DONE)


def _is_quiet(world: World) -> bool:
    """Whether every shard has closed, or whatever it may still send has aged."""
    sent = [block.born for block in world.network]
    for worker in world.workers:
        if worker.step is Step.APPENDING and worker.own is not None:
            sent.append(worker.own.born)
        elif worker.step is Step.SENDING:
            sent.append(worker.last.born)
    return not world.running and all(world.clock > born + AGE for born in sent)
