"""API keys as they are kept: made, listed, looked up, taken back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from metadata import audit, secret
from metadata.audit import Action, Entry
from metadata.models import ApiKey
from metadata.session import told
from streams.settings import Settings


class Scope(StrEnum):
    """What a key may do."""

    EVENTS_WRITE = "events:write"
    """Send events of its domains."""
    PAGES_WRITE = "pages:write"
    """Send page views alone: for a key that stands in a web page, where everybody can read it."""
    METRICS_READ = "metrics:read"
    """Ask for the metrics of its domains."""
    ROWS_READ = "rows:read"
    """Export the rows behind them: single events, of its domains."""
    PEOPLE_READ = "people:read"
    """See, beside the metrics, the ids of people behind them."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a new key shall be."""

    name: str
    scopes: Sequence[Scope]
    domains: Sequence[str]
    requests_per_second: int | None = None
    """None: as the settings say."""
    events_per_second: int | None = None
    """None: as the settings say."""
    expires_at: datetime | None = None
    """None: never."""


class Keys:
    """The keys of one metadata database. Every method raises MetadataUnavailable, and SchemaDrift before `migrate`."""

    def __init__(self, engine: AsyncEngine, settings: Settings) -> None:
        self._engine = engine
        self._settings = settings

    async def create(self, wanted: Wanted, by: str) -> tuple[ApiKey, str]:
        """Make a key, which the audit log tells; returns it and its text, which nothing can show again."""
        made = secret.make()
        key = ApiKey(
            id=made.id,
            name=wanted.name,
            secret_sha256=made.digest,
            scopes=[*map(str, wanted.scopes)],
            domains=[*wanted.domains],
            requests_per_second=wanted.requests_per_second,
            events_per_second=wanted.events_per_second,
            expires_at=wanted.expires_at,
        )
        with told(self._settings):
            async with AsyncSession(self._engine, expire_on_commit=False) as session, session.begin():
                session.add(key)
                await session.flush()
                await session.refresh(key)
                facts = {"name": key.name, "scopes": key.scopes, "domains": key.domains}
                entry = Entry(by, Action.KEY_MAKE, key.id, facts | {"expires_at": _text(key.expires_at)})
                await audit.noted(await session.connection(), entry)
        return key, made.text

    async def all(self) -> list[ApiKey]:
        """Every key, the oldest first, revoked and expired ones too."""
        with told(self._settings):
            async with AsyncSession(self._engine) as session:
                return [*await session.scalars(select(ApiKey).order_by(ApiKey.created_at, ApiKey.id))]

    async def find(self, key_id: str) -> ApiKey | None:
        """The key of this id, whatever its state; None if there is none."""
        with told(self._settings):
            async with AsyncSession(self._engine) as session:
                return await session.get(ApiKey, key_id)

    async def revoke(self, key_id: str, by: str) -> ApiKey | None:
        """Take a key back, which the audit log tells; one taken back before keeps its time. None if there is none."""
        moment = func.coalesce(ApiKey.revoked_at, func.now())
        change = update(ApiKey).where(ApiKey.id == key_id).values(revoked_at=moment).returning(ApiKey)
        with told(self._settings):
            async with AsyncSession(self._engine, expire_on_commit=False) as session, session.begin():
                key = (await session.scalars(change)).one_or_none()
                if key is not None:
                    entry = Entry(by, Action.KEY_REVOKE, key.id, {"name": key.name})
                    await audit.noted(await session.connection(), entry)
                return key

    async def used(self, moments: Mapping[str, datetime]) -> None:
        """Note when keys were last used; never back in time, since every web process notes its own."""
        with told(self._settings):
            async with AsyncSession(self._engine) as session, session.begin():
                for key_id, moment in sorted(moments.items()):  # in one order, so that two processes cannot deadlock
                    latest = func.greatest(ApiKey.last_used_at, moment)
                    await session.execute(update(ApiKey).where(ApiKey.id == key_id).values(last_used_at=latest))


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
