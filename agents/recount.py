"""Count the windows and sessions of a shard again from the rows of ClickHouse, on assignment (R12)."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from itertools import islice
from typing import TypeVar

from clickhouse.partials import Partials
from streams.intent import Intent
from tables import rebuild, rebuild_sessions
from tables.panes import Panes
from tables.rebuild_sessions import Reach
from tables.sessions import Sessions
from tables.window import Slices
from tables.wire import Key

PORTION = 500
"""Lines that are built before everything else has its turn."""
UNKEPT_SECONDS = 60
"""Windows that batches of the last minute have changed may not have been kept before the former owner went.

While a shard has no watermark, and in a backlog, these lie hours before those that are still open.
"""
HAS_ROWS = -1
T = TypeVar("T")


class Recount:
    """Counts what lies below the start of a shard's last batch."""

    def __init__(self, last: Intent, panes: Panes, partials: Partials) -> None:
        self._last = last
        self._panes = panes
        self._partials = partials
        self._marks: dict[str, int] = {}
        self._empty: dict[str, int] = {}
        """From which second on a raw table has no row of the shard; HAS_ROWS if it has, as far as was asked."""

    async def windows(self, slices: Slices) -> None:
        """Put the panes that are still needed into memory. Raises SinkUnavailable."""
        since = max(0, await self._at(slices) - slices.keep - slices.pane)
        # What is in memory is written again: of no window only the end.
        since -= since % max(window.size for window in slices.windows)
        if await self._is_empty(slices.over.domain.raw_table, since):
            return
        rows = await self._partials.rows(rebuild.statement(slices), self._bounds(since).parameters())
        async for portion in portions(rebuild.read(slices, rows)):
            for start, key, states, revision in portion:
                self._panes.put(slices, start, key, states, revision)

    async def sessions(self, into: Sessions, slices: Slices) -> None:
        """Put whole sessions into memory: those still needed, and those that `slices` sums up. Raises SinkUnavailable.

        Keys whose session may begin before the rows that were read are read again from twice as far back.
        """
        reach = rebuild_sessions.reach(into.session, slices, await self._at(slices))
        into.whole_since = reach.wanted
        if await self._is_empty(into.session.domain.raw_table, reach.since):
            return
        open_keys = await self._read(into, reach, None)
        while open_keys:
            reach = reach.further()
            left: list[Key] = []
            for portion in rebuild_sessions.portions(open_keys):
                left += await self._read(into, reach, portion)
            open_keys = left

    async def _read(self, into: Sessions, reach: Reach, keys: list[list[str]] | None) -> list[Key]:
        """Take whole sessions, of all keys or of some; tells which keys are open."""
        sql = rebuild_sessions.statement(into.session, some=keys is not None)
        parameters = self._bounds(reach.since).parameters() | ({"keys": keys} if keys is not None else {})
        rows = await self._partials.rows(sql, parameters)
        open_keys: list[Key] = []
        async for portion in portions(rebuild_sessions.read(into.session, rows, reach)):
            for key, spans in portion:
                if spans is None:
                    open_keys.append(key)
                else:
                    into.put(spans)
            into.end(self._last.watermark)
        return open_keys

    def _bounds(self, since: int) -> rebuild.Bounds:
        return rebuild.Bounds(self._panes.shard, self._last.chain, self._last.starts, since)

    async def _is_empty(self, table: str, since: int) -> bool:
        """A shard that begins, or whose domain is silent, spares itself every other question."""
        if table not in self._empty or since < self._empty[table]:
            found = await self._partials.has_rows(table, self._panes.shard, since)
            self._empty[table] = HAS_ROWS if found else since
        return self._empty[table] != HAS_ROWS

    async def _at(self, slices: Slices) -> int:
        """The time, in seconds, down to which all that was late or closed is written.

        That is the watermark, or, before there is one, the time of the newest row; no later than what may be unkept.
        """
        table = slices.over.domain.raw_table
        if table not in self._marks:
            shard = self._panes.shard
            at = self._last.watermark // 1000 or await self._partials.newest(table, shard)
            unkept = await self._partials.unkept(table, shard, UNKEPT_SECONDS)
            self._marks[table] = at if unkept is None else min(at, unkept)
        return self._marks[table]


async def portions(lines: Iterable[T]) -> AsyncIterator[list[T]]:
    """The same lines, some at a time; a million at once would hold up the heartbeats of this worker's other shards."""
    rest = iter(lines)
    while portion := list(islice(rest, PORTION)):
        yield portion
        await asyncio.sleep(0)
