"""Leases: what only one process may do at a time, by PostgreSQL's clock."""

from datetime import timedelta
from typing import NamedTuple

from sqlalchemy import case, delete, func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from metadata.models import Lease
from metadata.session import told
from streams.settings import Settings

NOW = func.clock_timestamp()
"""Not now(), which stands still within a transaction, however long that waited."""


class Holder(NamedTuple):
    """Who has a lease."""

    name: str
    seconds_left: float


class Leases:
    """The leases of one metadata database. Every method raises MetadataUnavailable, and SchemaDrift."""

    def __init__(self, engine: AsyncEngine, settings: Settings) -> None:
        self._engine = engine
        self._settings = settings

    async def take(self, name: str, holder: str, seconds: float) -> bool:
        """Take a lease that nobody has, or have one's own for longer; returns whether one has it."""
        end = NOW + timedelta(seconds=seconds)
        new = insert(Lease).values(name=name, holder=holder, acquired_at=NOW, expires_at=end)
        mine = Lease.holder == holder
        taken = new.on_conflict_do_update(
            index_elements=[Lease.name],
            set_={
                "holder": holder,
                "acquired_at": case((mine, Lease.acquired_at), else_=NOW),
                "expires_at": end,
            },
            where=or_(mine, Lease.expires_at <= NOW),
        )
        with told(self._settings):
            async with self._engine.begin() as connection:
                return (await connection.execute(taken.returning(Lease.name))).one_or_none() is not None

    async def let_go(self, name: str, holder: str) -> None:
        """Give a lease back, if one has it."""
        with told(self._settings):
            async with self._engine.begin() as connection:
                await connection.execute(delete(Lease).where(Lease.name == name, Lease.holder == holder))

    async def holder(self, name: str) -> Holder | None:
        """Who has a lease; None: nobody."""
        left = func.extract("epoch", Lease.expires_at - NOW)
        with told(self._settings):
            async with self._engine.connect() as connection:
                asked = select(Lease.holder, left).where(Lease.name == name, Lease.expires_at > NOW)
                found = (await connection.execute(asked)).one_or_none()
        return None if found is None else Holder(found[0], float(found[1]))


async def has(connection: AsyncConnection, name: str, holder: str) -> bool:
    """Whether somebody has a lease, and has it until this transaction ends: until then nobody else can take it."""
    asked = select(Lease.name).where(Lease.name == name, Lease.holder == holder, Lease.expires_at > NOW)
    return (await connection.execute(asked.with_for_update(read=True))).one_or_none() is not None
