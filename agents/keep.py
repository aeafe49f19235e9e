"""Write the closed windows and the ended sessions of one shard to ClickHouse, and what corrects them."""

from collections.abc import Collection
from decimal import Decimal
from itertools import islice

from agents.kill_point import Step, step
from clickhouse.realtime import RealtimeTable, WindowRow
from streams import metrics
from tables.closing import Closed, Closing, flat
from tables.panes import Panes
from tables.sessions import Sessions, Span, seconds_of
from tables.window import DURATION
from tables.wire import Key, decode_key, encode_key, encode_states

KEPT_AT_ONCE = 5_000
"""Rows of one insert, about."""


class Keeper:
    """Writes for one shard, from one recovery to the next. What could not be written is written later."""

    def __init__(self, panes: Panes, sessions: Collection[Sessions], table: RealtimeTable) -> None:
        self.closing = Closing(panes)
        self._panes = panes
        self._sessions = sessions
        self._table = table
        self._reconciled = self._stopped = False

    def stop(self) -> None:
        """Write nothing more: what is in memory begins anew."""
        self._stopped = True

    def written_to(self, watermark: int) -> int:
        """The time (ms) below which everything that is over by this watermark is written, sessions too."""
        times = [self.closing.written_to(watermark), *(each.written_to(watermark) for each in self._sessions)]
        if not self._reconciled:  # rows of sessions that are no more may stand as far back as was counted again
            times += [sessions.whole_since for sessions in self._sessions]
        return min(times)

    async def keep(self, watermark: int, settled: int) -> None:
        """Write what has changed below this watermark (ms), by records up to `settled`. Raises SinkUnavailable."""
        await self._windows(watermark, settled)
        if not self._reconciled:
            # Not before the last batch is counted: its sessions may stand there already.
            for sessions in self._sessions:
                await self._reconcile(sessions)
            self._reconciled = True
        for sessions in self._sessions:
            await self._write_sessions(sessions, watermark, settled)

    async def _windows(self, watermark: int, settled: int) -> None:
        places = self.closing.due(watermark)
        while places and not self._stopped:
            chosen: dict[tuple[str, int], set[Key]] = {}
            rows: list[WindowRow] = []
            while places and len(rows) < KEPT_AT_ONCE:
                place = places.pop()
                found = list(self.closing.read(place))
                chosen[place] = self.closing.take(place)
                rows += [self._window(closed, watermark) for closed in found if closed.revision <= settled]
                if early := {closed.key for closed in found if closed.revision > settled}:
                    self.closing.again(place, early)
                    chosen[place] -= early
            try:
                await self._write(rows)
            except BaseException:
                for place, keys in chosen.items():
                    self.closing.again(place, keys)
                raise
            finally:
                self.closing.over(chosen)

    async def _reconcile(self, sessions: Sessions) -> None:
        """Learn what former owners have written. A crash may have come before they took back what is no more."""
        since = sessions.whole_since // 1000
        starts = (spans[0].second for spans in sessions.by_key.values())
        name = sessions.session.name
        rows = await self._table.sessions(name, self._panes.shard, max(0, min(starts, default=since)), since)
        sessions.reconcile(rows)

    async def _write_sessions(self, sessions: Sessions, watermark: int, settled: int) -> None:
        while not self._stopped:
            settled_ones = (each for each in sessions.retracted.items() if each[1] <= settled)
            gone = dict(islice(settled_ones, KEPT_AT_ONCE))
            ended = (span for span in sessions.unwritten if span.revision <= settled)
            spans = [(span, span.second, span.revision) for span in islice(ended, KEPT_AT_ONCE)]
            if not gone and not spans:
                return
            rows = [self._retraction(sessions, *place, revision, watermark) for place, revision in gone.items()]
            rows += [self._session(sessions, span, watermark) for span, _, _ in spans]
            await self._write(rows)
            for place, revision in gone.items():
                if sessions.retracted.get(place) == revision:
                    del sessions.retracted[place]
            for each in spans:
                sessions.wrote(*each)

    async def _write(self, rows: list[WindowRow]) -> None:
        if rows:
            with step(Step.KEEP):
                await self._table.write(rows)
            metrics.WINDOWS_KEPT.inc(len(rows))

    def _window(self, closed: Closed, watermark: int) -> WindowRow:
        window = closed.window
        slices = self._panes.declared.slices[window.over.name]
        return WindowRow(
            domain=window.over.domain.name,
            window=window.name,
            starts_at=closed.start,
            ends_at=closed.start + window.size,
            key=list(decode_key(encode_key(closed.key))),
            shard=self._panes.shard,
            revision=closed.revision,
            values=flat(slices, closed.states, window.size),
            states=encode_states(slices, closed.states),
            watermark=watermark / 1000,
        )

    def _session(self, sessions: Sessions, span: Span, watermark: int) -> WindowRow:
        session = sessions.session
        return WindowRow(
            domain=session.domain.name,
            window=session.name,
            starts_at=span.second,
            ends_at=span.last // 1000,
            key=list(map(str, span.key)),
            shard=self._panes.shard,
            revision=span.revision,
            values={DURATION: Decimal(span.last - span.start).scaleb(-3)}
            | flat(session, span.states, seconds_of(span)),
            states=encode_states(session, span.states),
            watermark=watermark / 1000,
        )

    def _retraction(self, sessions: Sessions, key: Key, second: int, revision: int, watermark: int) -> WindowRow:
        session = sessions.session
        return WindowRow(
            domain=session.domain.name,
            window=session.name,
            starts_at=second,
            ends_at=second,
            key=list(map(str, key)),
            shard=self._panes.shard,
            revision=revision,
            values={},
            states="",
            watermark=watermark / 1000,
            retracted=True,
        )
