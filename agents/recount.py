"""Count the windows and sessions of a shard again from the rows of ClickHouse, on assignment (R12)."""

import asyncio
import math
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
HAS_ROWS = -1
T = TypeVar("T")


class Recount:
    """Counts what lies below the start of a shard's last batch.

    Two things are needed: what could change or be asked for at the watermark, and what the former owner had not kept,
    down to the time that its record tells. While there is no watermark nothing is late, so everything is needed.
    """

    def __init__(self, last: Intent, watermark: int, panes: Panes, partials: Partials) -> None:
        """`watermark` (ms): what the new owner begins with."""
        self._last = last
        self._panes = panes
        self._partials = partials
        self._mark = watermark // 1000
        self._kept = (watermark if last.kept is None else last.kept) // 1000
        self._empty: dict[str, int] = {}
        """From which second on a raw table has no row of the shard; HAS_ROWS if it has, as far as was asked."""

    async def windows(self, slices: Slices) -> None:
        """Put the panes that are still needed into memory. Raises SinkUnavailable."""
        since = max(0, min(self._mark - slices.keep - slices.pane, self._kept))
        # What is in memory is written again: of no window only the end.
        since -= since % math.lcm(slices.pane, *(window.size for window in slices.windows if window.is_kept))
        if await self._is_empty(slices.over.domain.raw_table, since):
            return
        rows = await self._partials.rows(rebuild.statement(slices), self._bounds(since).parameters())
        async for portion in portions(rebuild.read(slices, rows)):
            for start, key, states, revision in portion:
                self._panes.put(slices, start, {key: states}, revision)

    async def sessions(self, into: Sessions, slices: Slices) -> None:
        """Put whole sessions into memory: those still needed, and those that `slices` sums up. Raises SinkUnavailable.

        Keys whose session may begin before the rows that were read are read again from twice as far back.
        """
        reach = rebuild_sessions.reach(into.session, slices, self._mark, self._kept)
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
            into.end(self._mark * 1000)
        return open_keys

    def _bounds(self, since: int) -> rebuild.Bounds:
        return rebuild.Bounds(self._panes.shard, self._last.chain, self._last.starts, since)

    async def _is_empty(self, table: str, since: int) -> bool:
        """A shard that begins, or whose domain is silent, spares itself every other question."""
        if table not in self._empty or since < self._empty[table]:
            found = await self._partials.has_rows(table, self._panes.shard, since)
            self._empty[table] = HAS_ROWS if found else since
        return self._empty[table] != HAS_ROWS


async def portions(lines: Iterable[T]) -> AsyncIterator[list[T]]:
    """The same lines, some at a time; a million at once would hold up the heartbeats of this worker's other shards."""
    rest = iter(lines)
    while portion := list(islice(rest, PORTION)):
        yield portion
        await asyncio.sleep(0)
