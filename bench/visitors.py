"""People in front of dashboards: which board each has open, over which period, and what that asks of the API."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from urllib.parse import urlencode

REFRESH_SECONDS: Final = 30.0
"""A board asks all its panels again."""
ACT_SECONDS: Final = 120.0
"""Mean time until somebody changes what the board shows."""
STAY_SECONDS: Final = 1200.0
"""Mean time until somebody leaves, and another comes."""
QUARTER: Final = 900


class Panel(NamedTuple):
    """One figure or chart of a board."""

    group: str
    words: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Board:
    """What people look at together."""

    panels: Sequence[Panel]
    filter: str
    """The dimension by which they look closer; empty: there is none that all panels have."""
    weight: int
    """How many of a dozen or so look at it."""
    is_of_one: bool = False
    """Whether it shows one value of the filter always, such as an organizer's own board."""


def _panel(group: str, metric: str, **words: str) -> Panel:
    return Panel(group, {"metric": metric, **words})


BOARDS: Final[Mapping[str, Board]] = {
    "operations": Board(
        (
            _panel("bookings", "bookings_created", granularity="hour"),
            _panel("bookings", "booking_conversion"),
            _panel("trips", "trips_completed", granularity="hour"),
            _panel("trips", "trip_rating"),
            _panel("payments", "payment_success"),
            _panel("geo", "bookings_created", level="zone", limit="20"),
        ),
        "pickup_city",
        3,
    ),
    "revenue": Board(
        (
            _panel("payments", "gross_revenue", granularity="day"),
            _panel("payments", "refunds", granularity="day"),
            _panel("payments", "net_revenue", by="method"),
            _panel("trips", "trip_fares", granularity="day", compare="previous"),
        ),
        "pickup_city",
        2,
    ),
    "drivers": Board(
        (
            _panel("drivers", "active_drivers", granularity="day"),
            _panel("drivers", "driver_earnings_p50"),
            _panel("drivers", "driver_completion"),
            _panel("users", "active_users", granularity="day"),
        ),
        "",
        1,
    ),
    "sales": Board(
        (
            _panel("sales", "tickets_sold", granularity="hour"),
            _panel("sales", "gross_revenue", granularity="day"),
            _panel("sales", "gross_revenue", by="payment_method"),
            _panel("audience", "page_views", granularity="day"),
            _panel("audience", "visitors", granularity="hour"),
        ),
        "country",
        2,
    ),
    "organizer": Board(
        (
            _panel("organizers", "gross_revenue", granularity="day"),
            _panel("organizers", "tickets_sold", granularity="day", compare="previous"),
            _panel("organizers", "event_views", granularity="day"),
            _panel("organizers", "event_conversion"),
            _panel("events", "tickets_sold", by="ticketed_event_id", limit="20"),
        ),
        "organizer_id",
        3,
        is_of_one=True,
    ),
}
PERIODS: Final = {"24h": 4, "7d": 3, "today": 2, "30d": 2, "yesterday": 2, "the week before": 1}
"""How many of a dozen or so choose each."""


def span(period: str, now: datetime) -> tuple[datetime, datetime]:
    """Beginning and end of a period, as the API reads the same words at that time."""
    quarter = now - timedelta(seconds=now.timestamp() % QUARTER)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    open_end = quarter + timedelta(seconds=QUARTER)
    return {
        "24h": (quarter - timedelta(hours=24), open_end),
        "7d": (quarter - timedelta(days=7), open_end),
        "30d": (quarter - timedelta(days=30), open_end),
        "today": (midnight, open_end),
        "yesterday": (midnight - timedelta(days=1), midnight),
        "the week before": (midnight - timedelta(days=7), midnight),
    }[period]


class Visitor:
    """One person. `names`: values of each dimension that there are, the best known first."""

    def __init__(self, dice: random.Random, names: Mapping[str, Sequence[str]]) -> None:
        self._dice = dice
        self._names = names
        self._period = self._one_of(PERIODS)
        self._open()

    def asks(self, now: datetime) -> Iterator[str]:
        """The addresses that the board asks, panel by panel."""
        begin, end = span(self._period, now)
        times = {"from": begin.isoformat(), "to": end.isoformat()}
        where = {"where": f"{self._board.filter}:{self._value}"} if self._value else {}
        for panel in self._board.panels:
            yield f"/v1/metrics/{panel.group}?{urlencode({**panel.words, **times, **where})}"

    def act(self) -> None:
        """Look at another period, look closer, or open another board."""
        chance = self._dice.random()
        if chance < 0.6:
            self._period = self._one_of(PERIODS)
        elif chance < 0.9:
            self._value = self._filter()
        else:
            self._open()

    def _open(self) -> None:
        self._board = BOARDS[self._one_of({name: board.weight for name, board in BOARDS.items()})]
        self._value = self._filter() if self._board.is_of_one else ""

    def _filter(self) -> str:
        """A value that many know sooner than one that few know (Zipf); on boards of all, as often none."""
        known = self._names.get(self._board.filter, ())
        if not known or (not self._board.is_of_one and self._dice.random() < 0.5):
            return ""
        return self._dice.choices(known, [1 / place for place in range(1, len(known) + 1)])[0]

    def _one_of(self, weights: Mapping[str, int]) -> str:
        return self._dice.choices([*weights], [*weights.values()])[0]


def seat(dice: random.Random, names: Mapping[str, Sequence[str]], seconds: float) -> Iterator[tuple[float, Visitor]]:
    """When a board asks, in seconds, and whose it is, for so long: somebody comes, acts, leaves, the next one comes."""
    at, acts, leaves = dice.random() * REFRESH_SECONDS, 0.0, 0.0
    visitor = Visitor(dice, names)
    while at < seconds:
        if at >= leaves:
            visitor, leaves = Visitor(dice, names), at + dice.expovariate(1 / STAY_SECONDS)
        elif at >= acts:
            visitor.act()
        if at >= acts:
            acts = at + dice.expovariate(1 / ACT_SECONDS)
        yield at, visitor
        at = min(at + REFRESH_SECONDS, acts)
