"""The one view over all shards: reads what the workers published to Redis and puts windows together from it.

A shard that has fallen silent keeps its place in every number, and the answer says so: which shard, and how old its
part is. What `now` means is told by the shards (`as_of`), so that a view of a stopped pipeline shows its last numbers
instead of empty windows.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import msgspec
import redis.asyncio as redis
from redis.exceptions import RedisError

from streams.errors import LiveUnavailable, QueryRefused
from tables import query as asking
from tables.query import Query
from tables.reading import Lines, Panes, Place
from tables.window import Declared, Slices, Window
from tables.wire import Status, answers, shard_key, shards_key

STALE_SECONDS = 5.0
CACHE_SECONDS = 0.5
MOST_ANSWERS = 256
"""Questions whose answers are kept at the same time."""
MOST_TOLD = 4096
HEARD = ("status", "heard")
Told = list[tuple[dict[str, str], dict[str, Any]]]
"""Keys and values of one window. Never changed once made."""


@dataclass(frozen=True, slots=True)
class ShardView:
    """One shard, as it was last heard of."""

    shard: int
    status: Status | None
    """None: it is known to exist, but said nothing."""
    age_seconds: float | None
    """Seconds since it said so."""
    stale: bool
    """Older than what counts as live: its part of every number has stood still since."""
    alive: bool
    """Somebody may still own it."""
    other_version: bool = False
    """Its worker's version counts otherwise, so that not all of its numbers are read."""


@dataclass(frozen=True, slots=True)
class Row:
    """One window of one key. Times are seconds since 1970."""

    start: int
    end: int
    closed: bool
    """No event but a late one can change it, by the watermark of every living shard."""
    kept: bool
    """All its panes were still kept; else the numbers are too low."""
    key: Mapping[str, str]
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class View:
    """Answers to some questions at one moment."""

    as_of: int
    """The newest shard's clock, milliseconds since 1970; 0 where nothing was ever published."""
    watermark: int
    """The lowest of the living shards, milliseconds since 1970; 0 where there is none."""
    shards: tuple[ShardView, ...]
    complete: bool
    """Every shard is known, none is stale, and none is counted by another version."""
    rows: tuple[tuple[Row, ...], ...]
    """For each question its rows, by time, and then in the order asked for."""

    @property
    def stale(self) -> tuple[int, ...]:
        """The shards that have fallen silent, or never spoke."""
        return tuple(view.shard for view in self.shards if view.stale)


class Live:
    """Reads windows. Safe for any number of coroutines; the same question is read once at a time."""

    def __init__(
        self,
        client: "redis.Redis",
        group: str,
        declared: Declared,
        *,
        expected: int = 0,
        stale_seconds: float = STALE_SECONDS,
        cache_seconds: float = CACHE_SECONDS,
        most_rows: int | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`expected`: how many shards there must be; more may be found. `most_rows`: a longer answer is refused."""
        self.declared = declared
        self.reads = 0
        """Round trips so far."""
        self.cache_seconds = cache_seconds
        """How long the answer to a question is given again."""
        self._client = client
        self._group = group
        self._expected = expected
        self._stale_seconds = stale_seconds
        self._most_rows = most_rows
        self._clock = clock
        self._panes = Panes(group, declared)
        self._dialect = declared.dialect
        self._known: dict[int, Status | None] = dict.fromkeys(range(expected))
        self._heard: dict[int, int] = {}
        """When Redis heard of each shard last, by its clock: nobody else's need agree. Milliseconds since 1970."""
        self._ahead = 0.0
        """Of our monotonic clock that of Redis, in seconds."""
        self._answers: dict[tuple[Query, ...], tuple[float, asyncio.Task[View]]] = {}
        self._told: dict[tuple[Query, int], tuple[Lines, Told]] = {}
        """What was made of a window's lines, by question and start."""

    async def read(self, *queries: Query) -> View:
        """Answer all questions of the same moment. Raises QueryRefused, and LiveUnavailable while Redis is away."""
        for query in queries:
            asking.check(query, *asking.find(self.declared, query.window), int(self._clock()))
        now = time.monotonic()
        held = self._answers.get(queries)
        if held is None or (held[0] + self.cache_seconds <= now and held[1].done()):
            self._answers = {
                each: (at, task)
                for each, (at, task) in list(self._answers.items())[-MOST_ANSWERS:]
                if at + self.cache_seconds > now or not task.done()
            }
            held = self._answers[queries] = (now, asyncio.create_task(self._read(queries)))
            held[1].add_done_callback(_heard)
        # A viewer who leaves must not take the answer away from the others.
        return await asyncio.shield(held[1])

    def refresh(self) -> None:
        """Something was published: the next question is asked anew, whatever was answered a moment ago."""
        self._answers = {}

    async def _read(self, queries: tuple[Query, ...]) -> View:
        self._panes.forget()
        try:
            seen = await self._look(queries)
            if missing := [place for place in self._plan(queries, self._now()) if place not in seen]:
                # A new shard was found, a window began since the last look, or a shard has another owner.
                await self._fetch(missing)
        except RedisError as error:
            raise LiveUnavailable(
                f"The live windows cannot be read: Redis does not answer ({error or type(error).__name__}). "
                "Start it, or correct REDIS_URL; the next request tries again."
            ) from error
        return self._view(queries)

    def _now(self) -> int:
        """The newest shard's clock, never ahead of ours; ours before any shard spoke. Milliseconds."""
        return min(self._as_of() or self._milliseconds(), self._milliseconds())

    def _as_of(self) -> int:
        return max((status.as_of for status in self._known.values() if status), default=0)

    def _milliseconds(self) -> int:
        return round(self._clock() * 1000)

    async def _look(self, queries: tuple[Query, ...]) -> set[Place]:
        """Ask in one round trip for the shards and for the panes that are probably needed; tells which those are."""
        asked = list(self._known)
        places = self._plan(queries, self._milliseconds() if self._all_fresh() else self._now())
        wanted = [place for place in places if not self._is_sure(place)]
        async with self._client.pipeline(transaction=False) as pipe:
            pipe.time()
            pipe.smembers(shards_key(self._group))
            for shard in asked:
                pipe.hmget(shard_key(self._group, shard), HEARD)
            for place in wanted:
                pipe.hgetall(self._panes.key(place))
            self.reads += 1
            (seconds, micros), members, *found = await pipe.execute()
        self._ahead = seconds + micros / 1e6 - time.monotonic()
        # The shards were asked first, so a pane is at least as new as what they say of it.
        self._enter(asked, found[: len(asked)])
        self._take(wanted, found[len(asked) :])
        if new := sorted({int(member) for member in members} - set(asked)):
            async with self._client.pipeline(transaction=False) as pipe:
                for shard in new:
                    pipe.hmget(shard_key(self._group, shard), HEARD)
                self.reads += 1
                self._enter(new, await pipe.execute())
        return {*wanted, *filter(self._is_sure, places)}

    async def _fetch(self, places: list[Place]) -> None:
        async with self._client.pipeline(transaction=False) as pipe:
            for place in places:
                pipe.hgetall(self._panes.key(place))
            self.reads += 1
            self._take(places, await pipe.execute())

    def _enter(self, shards: Iterable[int], said: Iterable[tuple[bytes | None, bytes | None]]) -> None:
        for shard, (text, heard) in zip(shards, said, strict=True):
            self._heard[shard] = int(heard or 0)
            before, status = self._known.get(shard), msgspec.json.decode(text, type=Status) if text else None
            self._known[shard] = status
            if before is not None and (status is None or status.epoch != before.epoch):
                # Another owner, or the same one after an outage: both send again what stood there already.
                self._panes.doubt(shard)

    def _take(self, places: Iterable[Place], found: Iterable[Mapping[bytes, bytes]]) -> None:
        for place, raw in zip(places, found, strict=True):
            self._panes.take(self.declared.slices[place.slices], place, raw, self._is_final(place))

    def _all_fresh(self) -> bool:
        return not any(view.stale for view in self._shards())

    def _plan(self, queries: tuple[Query, ...], now: int) -> list[Place]:
        """Every pane that these questions need, once."""
        places: dict[Place, None] = {}
        for query in queries:
            window, slices = asking.find(self.declared, query.window)
            for start in asking.starts(query, window, now // 1000):
                for pane in range(start, start + window.size, slices.pane):
                    places.update(dict.fromkeys(Place(slices.name, shard, pane) for shard in self._known))
        return list(places)

    def _is_sure(self, place: Place) -> bool:
        return self._is_final(place) and self._panes.believes(place)

    def _is_final(self, place: Place) -> bool:
        slices, status = self.declared.slices[place.slices], self._known.get(place.shard)
        end = place.start + slices.pane + slices.over.lateness
        return status is not None and end * 1000 <= status.watermark

    def _shards(self) -> tuple[ShardView, ...]:
        now = time.monotonic() + self._ahead
        views = []
        for shard, status in sorted(self._known.items()):
            if status is None:
                views.append(ShardView(shard, None, None, stale=True, alive=False))
                continue
            age = max(0.0, now - self._heard[shard] / 1000)
            stale, alive = age > self._stale_seconds, age <= status.close_seconds
            views.append(ShardView(shard, status, age, stale, alive, status.dialect != self._dialect))
        return tuple(views)

    def _view(self, queries: tuple[Query, ...]) -> View:
        shards = self._shards()
        spoken = [(view.alive, view.status) for view in shards if view.status is not None]
        # A shard without a watermark has seen no event; were none alive, the last word of the dead ones would hold.
        living = [status.watermark for alive, status in spoken if alive and status.watermark]
        watermark = min(living or [status.watermark for _, status in spoken], default=0)
        now = self._now()
        rows = tuple(self._rows(query, now, watermark) for query in queries)
        lacking = any(view.stale or view.other_version for view in shards)
        complete = len(shards) >= max(1, self._expected) and not lacking
        return View(min(self._as_of(), now), watermark, shards, complete, rows)

    def _rows(self, query: Query, now: int, watermark: int) -> tuple[Row, ...]:
        most = self._most_rows
        rows = tuple(islice(self._each(query, now, watermark), None if most is None else most + 1))
        if most is not None and len(rows) > most:
            raise QueryRefused(
                f"The answer has more than {most:,} rows.",
                code="too_much",
                value=query.window,
                hint="Ask for fewer windows, for some keys with `where`, or for the largest with `by` and `limit`.",
            )
        return rows

    def _each(self, query: Query, now: int, watermark: int) -> Iterator[Row]:
        window, slices = asking.find(self.declared, query.window)
        shards = sorted(self._known)
        for start in asking.starts(query, window, now // 1000):
            end = start + window.size
            lines = self._panes.merged(slices, shards, start, end)
            closed = end * 1000 <= watermark
            kept = start + slices.pane + slices.keep > self._clock()
            for key, values in self._tell(query, start, window, slices, lines)[: query.limit or None]:
                yield Row(start, end, closed, kept, key, values)

    def _tell(self, query: Query, start: int, window: Window, slices: Slices, lines: Lines) -> Told:
        """Keys and values, made anew only where the lines are other ones: most minutes of an hour stand still."""
        held = self._told.get((query, start))
        if held is None or held[0] is not lines:
            if len(self._told) > MOST_TOLD:
                self._told.clear()
            held = self._told[query, start] = (lines, _lines(query, window, slices, lines))
        return held[1]


def _heard(task: "asyncio.Task[View]") -> None:
    """Take note of an error that nobody waits for any more."""
    if not task.cancelled():
        task.exception()


def _lines(query: Query, window: Window, slices: Slices, lines: Lines) -> Told:
    """Keys and values of one window, in the order asked for; a window without a key always has its one line."""
    columns = window.over.key
    if not columns:
        return [({}, answers(slices, lines.get(()), window.size))]
    named = [(dict(zip(columns, key, strict=True)), lines[key]) for key in sorted(lines)]
    found = [(key, answers(slices, states, window.size)) for key, states in named if asking.keeps(query, key)]
    if query.by:
        found.sort(key=lambda line: asking.rank(query, line[1]), reverse=True)
    return found
