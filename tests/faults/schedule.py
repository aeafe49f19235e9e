"""The faults of a run, drawn from its seed alone."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from tests.faults.kinds import KINDS, Fault, Kind
from tests.faults.site import MOST_WORKERS

PAUSE_SECONDS = (1.0, 6.0)
SHORT = 0.7
"""Share of runs in which ClickHouse refuses a batch after seconds."""
OVERLAPPING = 0.2
"""Share of faults after which the next one does not wait until the stream has recovered."""
CALM = ("maintenance", "group")
"""Parts whose faults use tools that need the others: nothing overlaps with them."""


@dataclass(frozen=True)
class Schedule:
    """What a run does."""

    seed: int
    workers: int
    """At the start."""
    short_age: bool
    """Whether ClickHouse refuses a batch after seconds instead of minutes."""
    faults: tuple[Fault, ...]


def draw(seed: int, count: int, kinds: Sequence[str] = ()) -> Schedule:
    """So many faults of these kinds; of all if none is named. Every kind that can comes once before any comes twice."""
    dice = random.Random(seed)
    workers, short_age = dice.randint(2, 3), dice.random() < SHORT
    chosen = [KINDS[name] for name in kinds or KINDS if short_age or not KINDS[name].short_age]
    deck: list[Kind] = []
    running, faults = workers, list[Fault]()
    while len(faults) < count and chosen:
        fitting = [kind for kind in deck if kind.workers[0] <= running <= kind.workers[1]]
        if not fitting:
            if not any(kind.workers[0] <= running <= kind.workers[1] for kind in chosen):
                break
            deck += dice.sample(chosen, len(chosen))
            continue
        kind = fitting[0]
        deck.remove(kind)
        running += kind.change
        faults.append(
            Fault(
                number=len(faults) + 1,
                kind=kind.name,
                pause=round(dice.uniform(*PAUSE_SECONDS), 1),
                seconds=round(dice.uniform(*kind.seconds), 1),
                pick=round(dice.random(), 4),
                overlaps=dice.random() < OVERLAPPING,
            )
        )
    assert running <= MOST_WORKERS
    return Schedule(seed, workers, short_age, _apart(faults))


def _apart(faults: Sequence[Fault]) -> tuple[Fault, ...]:
    """The last one, and what comes beside a calm one, is waited for."""
    calm = [KINDS[fault.kind].part in CALM for fault in faults] + [True]
    return tuple(
        Fault(f.number, f.kind, f.pause, f.seconds, f.pick, f.overlaps and not calm[n] and not calm[n + 1])
        for n, f in enumerate(faults)
    )
