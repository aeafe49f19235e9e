"""Makes ordered exports, one after the other; the job `exports` calls it.

    1. take the lease, or leave it to whoever has it
    2. take back what a maker that died has left; say what has expired
    3. remove files that nobody can fetch: parts, expired ones, whole ones that nobody got to hear of
    4. make what waits: write a part, give the whole file its name, say so

It may be killed anywhere. A file has its name only when it is whole and on disk; a name that was given and not said is
removed by the next maker, and the export is made anew.
"""

import asyncio
import os
import secrets
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import BinaryIO, Final

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from api.exports import order as ordering
from api.exports.large import made_into
from api.exports.shelf import NAME, shelf_of
from clickhouse.export.make import Made
from metadata.exports import JOB, Exports, Taken
from metadata.leases import Leases
from streams.errors import MillraceError, QueryRefused, SinkUnavailable
from streams.settings import Settings

log = structlog.get_logger(__name__)

LEASE_SECONDS: Final = 60.0
"""A maker that has not said for so long that it lives is taken for dead."""


class NotWanted(Exception):  # no error: the way out of an export that was cancelled
    """The export was cancelled, or is another maker's by now."""


class Maker:
    """One process that makes exports."""

    def __init__(
        self, settings: Settings, engine: AsyncEngine, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._settings = settings
        self._exports = Exports(engine, settings)
        self._leases = Leases(engine, settings)
        self._shelf = shelf_of(settings)
        self._holder = f"{os.getpid()}:{secrets.token_hex(6)}"
        self._clock = clock

    async def run(self) -> str:
        """Make all that waits; returns what was done, in words. Raises SinkUnavailable if one must be tried again."""
        if not await self._leases.take(JOB, self._holder, LEASE_SECONDS):
            return "another process is making exports"
        try:
            await self._exports.take_back(self._clock())
            await self._exports.expired(self._clock())
            removed = await self._remove()
            made, failed, again = await self._all()
        finally:
            await self._leases.let_go(JOB, self._holder)
        words = f"exports: {made} made, {failed} failed, {again} to be tried again; files removed: {removed}"
        if again:
            raise SinkUnavailable(words)
        return words

    async def _all(self) -> tuple[int, int, int]:
        """How many were made, failed, and are to be tried again."""
        made, failed, again = 0, 0, set[int]()
        # What has to be tried again has its turn at the next attempt of the job, after a pause.
        while (taken := await self._exports.take(self._clock(), again)) is not None:
            try:
                made += await self._one(taken)
            except MillraceError as error:
                for_good = not isinstance(error, SinkUnavailable)
                why = f"{error} {error.hint}" if isinstance(error, QueryRefused) else str(error)
                if await self._exports.failed(taken, why, self._clock(), for_good=for_good):
                    failed += 1
                else:
                    again.add(taken.id)
                log.warning("an export failed", export=taken.id, attempt=taken.attempt, error=why)
        return made, failed, len(again)

    async def _one(self, taken: Taken) -> bool:
        """Make one; returns whether it was, and is still wanted."""
        wanted = ordering.of_words(taken.asked, people=True)
        name = f"{NAME}{taken.id}-{secrets.token_hex(8)}.{wanted.format.value}"

        said: list[tuple[int, int, int | None]] = []

        async def tell(rows: int, size: int, expected: int | None) -> None:
            said[:] = [(rows, size, expected)]
            is_ours = await self._leases.take(JOB, self._holder, LEASE_SECONDS)
            if not (await self._exports.tell(taken, rows, size, expected) and is_ours):
                raise NotWanted

        try:
            with self._shelf.draft(name) as file:
                made = await made_into(self._settings, wanted, file, tell)
                await self._named(name, file, lambda: tell(*said[-1]))
            return await self._said(taken, name, made)
        except NotWanted:
            log.info("an export is not wanted any more", export=taken.id)
            return False
        finally:
            self._shelf.drop_draft(name)

    async def _named(self, name: str, file: BinaryIO, tell: Callable[[], Awaitable[None]]) -> None:
        """Give a part its name, which takes a while where it is sent: somebody must hear of it, or the lease ends."""
        giving = asyncio.create_task(asyncio.to_thread(self._shelf.give_name, name, file))
        try:
            while not (await asyncio.wait([giving], timeout=LEASE_SECONDS / 4))[0]:
                await tell()
            await giving
        except BaseException:
            await asyncio.wait([giving])  # a thread cannot be stopped
            await asyncio.to_thread(self._shelf.remove, name)
            raise

    async def _said(self, taken: Taken, name: str, made: Made) -> bool:
        now = self._clock()
        until = now + timedelta(days=self._settings.export_keep_days)
        is_wanted = await self._exports.done(taken, name, made.rows, made.bytes, now, until)
        if not is_wanted:
            await asyncio.to_thread(self._shelf.remove, name)
        return is_wanted

    async def _remove(self) -> int:
        """Remove files that nobody can fetch; returns how many."""
        return await asyncio.to_thread(self._shelf.remove_all_but, await self._exports.files())
