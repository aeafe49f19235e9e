"""How fast a key may send: buckets of tokens in Redis, which all web processes share.

A process takes a tenth of a second's tokens at once and spends them itself, so that a busy key costs ten questions a
second and not one for every request. While Redis is away each process counts for itself, and says so in a metric: a
limit that is too wide for a while is a smaller harm than events that cannot be posted.
"""

import asyncio
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis.asyncio as redis
from redis.exceptions import RedisError

from streams import http_metrics

SCRIPT = Path(__file__).with_suffix(".lua").read_text()
BURST_SECONDS = 2.0
"""What a bucket holds, as seconds of its rate."""
LEASE_SHARE = 0.1
"""What a process takes at once, as a share of a second's tokens."""
LEASE_SECONDS = 1.0
"""After this time what was not spent is lost."""
ANSWER_SECONDS = 0.25
AWAY_SECONDS = 5.0
"""How long Redis is left alone after it did not answer."""


@dataclass(slots=True)
class Bucket:
    """Tokens that come in at a rate. More than it can hold are given to whoever finds it full, and are owed then."""

    rate: float
    level: float = field(init=False)
    at: float = 0.0

    def __post_init__(self) -> None:
        """It begins full."""
        self.level = self.size

    @property
    def size(self) -> float:
        """Tokens that it can hold; one at least."""
        return max(1.0, self.rate * BURST_SECONDS)

    def take(self, wanted: float, now: float) -> float:
        """Take tokens at this moment: 0, or the seconds to wait, and then nothing was taken."""
        self.level = min(self.size, self.level + max(0.0, now - self.at) * self.rate)
        self.at = now
        needed = min(wanted, self.size)
        if self.level < needed:
            return (needed - self.level) / self.rate
        self.level -= wanted
        return 0.0


@dataclass(slots=True)
class _Lease:
    """Tokens of a shared bucket that this process may spend."""

    left: float = 0.0
    until: float = 0.0
    too_few: float = 0.0
    """Tokens that were wanted when there were too few."""
    too_few_until: float = 0.0
    asking: asyncio.Lock = field(default_factory=asyncio.Lock)
    """One question at a time: else each of many requests at once would take a tenth of a second's tokens."""

    def spend(self, wanted: int, now: float) -> bool:
        """Spend tokens if there are as many left."""
        if now >= self.until:
            self.left = 0.0
        if self.left < wanted:
            return False
        self.left -= wanted
        return True


class Limits:
    """The limits of all keys, as this process sees them."""

    def __init__(self, client: redis.Redis, group: str) -> None:
        self._script: Any = client.register_script(SCRIPT)
        self._group = group
        self._leases: dict[str, _Lease] = {}
        self._buckets: dict[tuple[str, float], Bucket] = {}
        self._away_until = 0.0

    async def take(self, name: str, wanted: int, rate: int) -> float:
        """Take tokens of a bucket: 0, or the seconds to wait, and then nothing was taken."""
        now = time.monotonic()
        if now >= self._away_until:
            try:
                wait = await self._shared(name, wanted, rate)
            except (RedisError, OSError, TimeoutError):
                self._away_until = now + AWAY_SECONDS
            else:
                http_metrics.LIMITS_LOCAL.set(0)
                return wait
        http_metrics.LIMITS_LOCAL.set(1)
        return self._bucket(name, rate).take(wanted, now)

    def _bucket(self, name: str, rate: int) -> Bucket:
        return self._buckets.setdefault((name, rate), Bucket(rate))

    async def _shared(self, name: str, wanted: int, rate: int) -> float:
        lease = self._leases.setdefault(name, _Lease())
        if lease.spend(wanted, time.monotonic()):
            return 0.0
        async with lease.asking:
            now = time.monotonic()
            if lease.spend(wanted, now):  # somebody else has asked meanwhile
                return 0.0
            if wanted >= lease.too_few and now < lease.too_few_until:
                return lease.too_few_until - now
            key = f"millrace:{self._group}:limit:{name}"
            arguments = [rate, Bucket(rate).size, wanted, int(rate * LEASE_SHARE)]
            async with asyncio.timeout(ANSWER_SECONDS):
                taken, wait = map(float, await self._script(keys=[key], args=arguments))
            if wait > 0:
                lease.too_few, lease.too_few_until = wanted, now + wait
                return wait
            lease.left += taken - wanted
            lease.until = now + LEASE_SECONDS
            return 0.0
