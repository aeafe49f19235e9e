"""How old an answer may be: by whether what it tells of can still change, and whether people's ids stand in it."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from streams.settings import Settings

LATE: Final = timedelta(minutes=15)
"""So long after its end a period counts as running: batches and late events may still come."""
MOST_STEPS: Final = 20
"""Old answers are looked for by so many keys at most."""


@dataclass(frozen=True, slots=True)
class Freshness:
    """How long answers of a class are kept."""

    fresh: float
    """Seconds by which the data may move on until an answer is old; 0: answers are not kept."""
    stale: float
    """Seconds for which an old one is still served, while a new one is made."""

    @property
    def steps(self) -> int:
        """How many times `fresh` the data may have moved on since an answer that is still served."""
        return min(MOST_STEPS, math.ceil(self.stale / self.fresh))

    @property
    def life(self) -> float:
        """Seconds after which nobody is served an answer, however the data moved."""
        return self.fresh + min(self.stale, self.fresh * MOST_STEPS)


def running(settings: Settings) -> Freshness:
    """Of answers about a period that still runs: boards that ask again now and then find the answer before."""
    return Freshness(settings.cache_ttl_open_seconds, settings.cache_stale_open_seconds)


def of_people(settings: Settings) -> Freshness:
    """Of answers that hold ids of people: kept briefly, so that an erased person is gone at once."""
    return _twice(settings.cache_ttl_open_seconds)


def of_cohorts(settings: Settings) -> Freshness:
    """Of answers about a closed period, where what began in it may still end."""
    return _twice(settings.cache_ttl_cohort_seconds)


def closed(settings: Settings) -> Freshness:
    """Of answers about a closed period, which only late events and rebuilt days change."""
    return _twice(settings.cache_ttl_closed_seconds)


def has_closed(end: datetime, now: datetime) -> bool:
    """Whether a period that ends then counts as closed."""
    return end <= now - LATE


def _twice(seconds: float) -> Freshness:
    return Freshness(seconds, seconds)
