"""The generated world: journeys of many people at once, as one stream of events in the order of time."""

from collections.abc import Iterator, Sequence
from heapq import heappop, heappush, heapreplace

from streams.events import registry
from streams.world.clock import Clock
from streams.world.dice import Dice
from streams.world.record import Journey, Record, Step, compose
from streams.world.riding import Riding
from streams.world.visiting import Visiting

WORLDS: dict[str, type[Riding] | type[Visiting]] = {"rides": Riding, "ticketing": Visiting}
OPEN_MOST = 10_000
"""Journeys that are open at once at most, about 2 kB each; at higher rates they pass faster."""
OPEN_SECONDS = 60.0
"""Journeys open at a rate of one event a second: mean length over mean number of events."""
SOURCES = {
    "rides.user": "/demo/accounts",
    "rides.booking": "/demo/bookings",
    "rides.payment": "/demo/payments",
    "rides.trip": "/demo/driver-app",
    "rides.route": "/demo/routes",
    "rides.location": "/demo/driver-app",
    "ticketing.interactions": "/demo/web",
    "ticketing.pages": "/demo/web",
    "ticketing.sales": "/demo/shop",
    "ticketing.catalog": "/demo/catalog",
}
"""Who says it, by topic."""
SOURCE_OF = {spec.name: SOURCES[spec.topic] for spec in registry.events.values()}


def pace(rate: float) -> float:
    """How long journeys take at `rate` events a second of world time, as a share of what they take in life."""
    return min(1.0, OPEN_MOST / (rate * OPEN_SECONDS))


def events(domains: Sequence[str], dice: Dice, run: str, clock: Clock, rate: float) -> Iterator[Record]:
    """Valid events without end, in the order of their time; each journey's in the order it went.

    The n-th event is never later than `clock(n)`. Where no open journey has a step due, a new one begins. Equal
    arguments give equal bytes.
    """
    worlds: list[Riding | Visiting] = [WORLDS[name](dice, run, pace(rate)) for name in domains]
    due: list[tuple[float, int, Step, Journey]] = []
    number = 0
    while True:
        now = clock(number)
        if due and due[0][0] <= now:
            seconds, order, (_, kind, data), journey = due[0]
            following = next(journey, None)
            if following is None:
                heappop(due)
            else:
                heapreplace(due, (max(following[0], seconds), order, following, journey))
        else:
            journey = dice.one_of(worlds).journey(now)
            seconds, kind, data = next(journey)
            following = next(journey, None)
            if following is not None:
                heappush(due, (max(following[0], seconds), number, following, journey))
        yield compose(SOURCE_OF[kind], f"{run}-{number:x}", kind, seconds, data)
        number += 1
