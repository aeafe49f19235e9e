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
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO, Final, cast

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from api.exports import order as ordering
from api.exports.large import folder_of, made_into
from clickhouse.export.make import Made
from metadata.exports import JOB, Exports, Taken
from metadata.leases import Leases
from streams.errors import MillraceError, QueryRefused, SinkUnavailable
from streams.settings import Settings

log = structlog.get_logger(__name__)

LEASE_SECONDS: Final = 60.0
"""A maker that has not said for so long that it lives is taken for dead."""
NAME: Final = "export-"
"""How names of files begin; others in the folder are let alone."""
PART: Final = ".part"


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
        self._folder = folder_of(settings)
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
        path, part = self._folder / name, self._folder / f"{name}{PART}"

        async def tell(rows: int, size: int, expected: int | None) -> None:
            is_ours = await self._leases.take(JOB, self._holder, LEASE_SECONDS)
            if not (await self._exports.tell(taken, rows, size, expected) and is_ours):
                raise NotWanted

        try:
            with _opened(part) as file:
                made = await made_into(self._settings, wanted, file, tell)
                await asyncio.to_thread(_name, file, part, path)
            return await self._said(taken, path, made)
        except NotWanted:
            log.info("an export is not wanted any more", export=taken.id)
            return False
        finally:
            _unlink(part)

    async def _said(self, taken: Taken, path: Path, made: Made) -> bool:
        now = self._clock()
        until = now + timedelta(days=self._settings.export_keep_days)
        is_wanted = await self._exports.done(taken, path.name, made.rows, made.bytes, now, until)
        if not is_wanted:
            _unlink(path)
        return is_wanted

    async def _remove(self) -> int:
        """Remove files that nobody can fetch; returns how many."""
        kept = await self._exports.files()
        gone = [each for each in self._folder.glob(f"{NAME}*") if each.name not in kept]
        for each in gone:
            _unlink(each)
        return len(gone)


def _opened(part: Path) -> BinaryIO:
    """A new file, which nobody else may read, in a folder that is made if there is none."""
    part.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    return cast(BinaryIO, open(part, "xb", opener=lambda path, flags: os.open(path, flags, 0o600)))


def _name(file: BinaryIO, part: Path, path: Path) -> None:
    """Give a whole file its name, once it is on disk."""
    file.flush()
    os.fsync(file.fileno())
    os.replace(part, path)


def _unlink(path: Path) -> None:
    path.unlink(missing_ok=True)
