"""The faults of a run, drawn from its seed alone."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from tests.faults.kinds import KINDS, Fault, Kind
from tests.faults.site import MOST_WORKERS

PAUSE_SECONDS, BRIEF_PAUSES = (1.0, 6.0), (0.5, 2.0)
SHORT = 0.7
"""Share of runs in which ClickHouse refuses a batch after seconds."""
OVERLAPPING = 0.2
"""Share of faults after which the next one does not wait until the stream has recovered."""
CALM = ("maintenance", "group", "topics", "versions")
"""Parts whose faults use tools that need the others: nothing overlaps with them."""
ORDINARY = [name for name, kind in KINDS.items() if not kind.own_disk]
"""Kinds that come without being asked for."""


@dataclass(frozen=True)
class Schedule:
    """What a run does."""

    seed: int
    workers: int
    """At the start."""
    short_age: bool
    """Whether ClickHouse refuses a batch after seconds instead of minutes."""
    faults: tuple[Fault, ...]

    @property
    def own_disk(self) -> bool:
        """Whether ClickHouse's data needs a file system of its own."""
        return any(KINDS[fault.kind].own_disk for fault in self.faults)


def draw(seed: int, count: int, kinds: Sequence[str] = (), *, brief: bool = False) -> Schedule:
    """So many faults of these kinds; of the ordinary ones if none is named.

    Every kind that can comes once before any comes twice. `brief`: only one of those that take long, another one for
    each seed in turn, and shorter pauses.
    """
    dice = random.Random(seed)
    workers, short_age = dice.randint(2, 3), dice.random() < SHORT
    chosen, deck = [KINDS[name] for name in kinds or ORDINARY], list[Kind]()
    if brief:
        deck, chosen = _with_one_long(seed, count, chosen, dice)
    short_age = short_age or any(kind.short_age for kind in deck) or all(kind.short_age for kind in chosen)
    chosen = [kind for kind in chosen if short_age or not kind.short_age]
    pauses = BRIEF_PAUSES if brief else PAUSE_SECONDS
    running, faults = workers, list[Fault]()
    while len(faults) < count and (deck or chosen):
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
                pause=round(dice.uniform(*pauses), 1),
                seconds=round(dice.uniform(*kind.seconds), 1),
                pick=round(dice.random(), 4),
                overlaps=dice.random() < OVERLAPPING,
            )
        )
    assert running <= MOST_WORKERS
    return Schedule(seed, workers, short_age, _apart(faults))


def _with_one_long(seed: int, count: int, kinds: Sequence[Kind], dice: random.Random) -> tuple[list[Kind], list[Kind]]:
    """The kinds of the first faults, one of which takes long, and those to go on with."""
    long, chosen = [kind for kind in kinds if kind.long], [kind for kind in kinds if not kind.long]
    deck = dice.sample(chosen, min(len(chosen), max(0, count - 1)))
    if long:
        deck.insert(dice.randint(0, len(deck)), long[seed % len(long)])
    return deck, chosen


def _apart(faults: Sequence[Fault]) -> tuple[Fault, ...]:
    """The last one, and what comes beside a calm one, is waited for."""
    calm = [KINDS[fault.kind].part in CALM for fault in faults] + [True]
    return tuple(
        Fault(f.number, f.kind, f.pause, f.seconds, f.pick, f.overlaps and not calm[n] and not calm[n + 1])
        for n, f in enumerate(faults)
    )
