"""Alerts over the live windows: one worker of all holds a lease in Redis, reads the closed windows, and judges them."""

import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from agents.alerts import Alerts
from streams.alerts import Observation, Rule
from streams.errors import LiveUnavailable
from tables.aggregates import Top
from tables.live import Live, Row, View
from tables.query import Query
from tables.window import Window

log = structlog.get_logger(__name__)

WINDOWS = 15
"""Newest windows read at each look: a look that comes late misses none."""
LEASE = """
local owner = redis.call('GET', KEYS[1])
if owner and owner ~= ARGV[1] then
  return 0
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""
SAVE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then
  redis.call('SET', KEYS[2], ARGV[2])
  return 1
end
return 0
"""
LEAVE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then
  redis.call('SET', KEYS[2], ARGV[2])
  redis.call('DEL', KEYS[1])
end
"""

MakeAlerts = Callable[[dict[str, Any] | None], Alerts]
"""Makes the judge from what an earlier one has saved."""


class Watch:
    """Judges the rules while this worker holds the lease; the states move with the lease, through Redis."""

    def __init__(
        self, live: Live, redis: Redis, group: str, rules: Sequence[Rule], make: MakeAlerts, lease_seconds: float
    ) -> None:
        """`lease_seconds`: longer than a look takes, and than the time between two."""
        self._live = live
        self._redis = redis
        self._lease, self._save, self._leave = map(redis.register_script, (LEASE, SAVE, LEAVE))
        self._me = secrets.token_hex(8)
        self._keys = (f"{group}:live:alerts:lease", f"{group}:live:alerts:state")
        self._rules = rules
        self._make = make
        self._milliseconds = int(lease_seconds * 1000)
        self._alerts: Alerts | None = None

    async def look(self) -> None:
        """Judge what has closed, if it is ours to judge. While Redis is away nothing is judged, and nothing is lost."""
        lease, saved = self._keys
        try:
            if not await self._lease(keys=[lease], args=[self._me, self._milliseconds]):
                self._alerts = None
                return
            if self._alerts is None:
                text = await self._redis.get(saved)
                self._alerts = self._make(msgspec.json.decode(text) if text else None)
            windows = sorted({rule.window for rule in self._rules})
            view = await self._live.read(*(Query(name, last=WINDOWS) for name in windows))
            readings = list(observations(view, [self._live.declared.windows[name] for name in windows]))
            await self._alerts.look(readings, datetime.now(UTC))
            state = msgspec.json.encode(self._alerts.state())
            if not await self._save(keys=[lease, saved], args=[self._me, state]):
                # It slept for longer than the lease lasts; what another has judged since is not to be undone.
                self._alerts = None
        except (RedisError, LiveUnavailable, OSError) as error:
            log.warning("alerts are not judged", why=repr(error))

    async def leave(self) -> None:
        """Hand over what was judged; another worker goes on at its next look instead of when the lease is over."""
        alerts, self._alerts = self._alerts, None
        if alerts is None:
            return
        try:
            await self._leave(keys=list(self._keys), args=[self._me, msgspec.json.encode(alerts.state())])
        except (RedisError, OSError) as error:
            log.warning("alerts are not handed over", why=repr(error))


def observations(view: View, windows: Iterable[Window]) -> Iterator[Observation]:
    """Readings of the closed windows, oldest first; a total in which nothing happened reads 0.

    A domain of which there has never been a record is not used here: its silence means nothing.
    """
    used = {name for shard in view.shards if shard.status for name in shard.status.domains}
    for window, rows in zip(windows, view.rows, strict=True):
        if window.over.domain.name in used:
            for row in rows:
                if row.closed:
                    yield from _readings(window, row, not view.complete)


def reading_keys(window: Window) -> dict[str, dict[str, tuple[str, ...]]]:
    """By measure the names in the key of its readings, each with all its values, or none where these are open.

    A list of the most frequent values is not judged.
    """
    columns = {column: window.over.on if column == "event_type" else () for column in window.over.key}
    return {
        measure.name: columns | ({measure.parts: measure.part_values} if measure.parts else {})
        for measure in window.over.measures
        if not isinstance(measure, Top)
    }


def _readings(window: Window, row: Row, stale: bool) -> Iterator[Observation]:
    at = datetime.fromtimestamp(row.end, UTC)
    for measure, names in reading_keys(window).items():
        value = row.values[measure]
        if isinstance(value, Mapping):
            for part, number in value.items():
                key = tuple(zip(names, (*row.key.values(), part), strict=True))
                yield Observation(window.name, measure, at, number, key, stale)
        else:
            yield Observation(window.name, measure, at, value, tuple(row.key.items()), stale)
