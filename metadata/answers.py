"""Answers kept for the time when ClickHouse is away: written over each other, the newest up to so many bytes."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, delete, func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from metadata.models import MetricCache
from metadata.session import told
from streams.settings import Settings


class Kept(NamedTuple):
    """The last answer to a question."""

    key: str
    """What makes the question what it is, as a hash."""
    content: bytes
    """The answer, JSON."""
    made_at: datetime


class Answers:
    """The table `metric_cache`. Every method raises MetadataUnavailable, and SchemaDrift before `migrate`."""

    def __init__(self, engine: AsyncEngine, settings: Settings) -> None:
        self._engine = engine
        self._settings = settings

    async def put(self, answers: Sequence[Kept]) -> None:
        """Keep answers of different questions; one that is older than what is there changes nothing."""
        # In one order, so that two processes cannot deadlock.
        rows = [{**each._asdict(), "bytes": len(each.content)} for each in sorted(answers)]
        new = insert(MetricCache).values(rows)
        newer = new.on_conflict_do_update(
            index_elements=[MetricCache.key],
            set_={name: new.excluded[name] for name in ("content", "bytes", "made_at")},
            where=MetricCache.made_at < new.excluded.made_at,
        )
        with told(self._settings):
            async with self._engine.begin() as connection:
                await connection.execute(newer)

    async def find(self, key: str, oldest: datetime) -> Kept | None:
        """The last answer to a question, if it was made at `oldest` or later."""
        asked = select(MetricCache.content, MetricCache.made_at).where(MetricCache.key == key)
        with told(self._settings):
            async with self._engine.connect() as connection:
                found = (await connection.execute(asked.where(MetricCache.made_at >= oldest))).one_or_none()
        return None if found is None else Kept(key, found.content, found.made_at)

    async def trim(self, oldest: datetime, most_bytes: int) -> int:
        """Remove what was made before `oldest`, and the oldest of what is too much; returns how many answers."""
        newest_first = func.sum(MetricCache.bytes).over(order_by=(MetricCache.made_at.desc(), MetricCache.key))
        added_up = select(MetricCache.key, newest_first.label("total")).subquery()
        too_much = select(added_up.c.key).where(added_up.c.total > most_bytes)
        return await self._delete(or_(MetricCache.made_at < oldest, MetricCache.key.in_(too_much)))

    async def clear(self) -> int:
        """Remove all; returns how many answers."""
        return await self._delete(MetricCache.key.is_not(None))

    async def _delete(self, which: ColumnElement[bool]) -> int:
        with told(self._settings):
            async with self._engine.begin() as connection:
                return (await connection.execute(delete(MetricCache).where(which))).rowcount
