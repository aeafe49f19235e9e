"""Who may post and read: looks keys up, remembers them for a moment, and says no in the terms of RFC 6750."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from api.ingest.limits import Bucket
from api.problems import Problem, later
from metadata import secret
from metadata.keys import Keys, Scope
from metadata.models import ApiKey
from streams import http_metrics
from streams.errors import MetadataUnavailable, MillraceError

log = structlog.get_logger(__name__)

KNOWN = 10_000
"""Ids that are remembered, those that do not exist among them."""
STRANGERS_PER_SECOND = 100
"""Ids never heard of that PostgreSQL is asked for, each second."""
USED_SECONDS = 30.0
"""How often it is noted which keys were used."""
REALM = 'Bearer realm="millrace"'


@dataclass(slots=True)
class _Known:
    key: ApiKey | None
    """None: there is no such key."""
    at: float
    """When PostgreSQL said so."""


class Guard:
    """The keys that one web process has seen."""

    def __init__(self, keys: Keys, cache_seconds: float, grace_seconds: float) -> None:
        """`grace_seconds`: how long a key goes on that PostgreSQL cannot be asked about."""
        self._keys = keys
        self._cache_seconds = cache_seconds
        self._grace_seconds = grace_seconds
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._asking: dict[str, asyncio.Task[_Known]] = {}
        self._strangers = Bucket(STRANGERS_PER_SECOND)
        self._used: dict[str, datetime] = {}
        self._noting: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to note which keys are used."""
        self._noting = asyncio.create_task(self._note())

    async def stop(self) -> None:
        """Note the last uses."""
        if self._noting is not None:
            self._noting.cancel()
            await asyncio.wait([self._noting])
        await self._note_once()

    async def admit(self, authorization: str | None) -> ApiKey:
        """The key that a request shows. Raises Problem: 401 for none or a wrong one, 503 where nobody can tell."""
        scheme, _, text = (authorization or "").strip().partition(" ")
        if scheme.lower() != "bearer" or not text:
            raise _unauthorized(REALM, "There is no key", "Send `Authorization: Bearer KEY`")
        given = secret.parse(text.strip())
        key = await self._look(given.id) if given is not None else None
        if given is None or key is None or not secret.same(given.digest, key.secret_sha256):
            raise _refused("There is no such key")
        now = datetime.now(UTC)
        if key.revoked_at is not None:
            raise _refused(f"Key {key.id} was revoked")
        if key.expires_at is not None and key.expires_at <= now:
            raise _refused(f"Key {key.id} expired")
        self._used[key.id] = now
        return key

    async def _look(self, key_id: str) -> ApiKey | None:
        known = self._known.get(key_id)
        if known is not None and time.monotonic() - known.at < self._cache_seconds:
            return known.key
        if known is None and self._strangers.take(1, time.monotonic()):
            raise _unknowable("Too many unknown keys are being tried.")
        asking = self._asking.get(key_id)
        if asking is None:
            asking = self._asking[key_id] = asyncio.create_task(self._ask(key_id, known))
            asking.add_done_callback(lambda _: self._asking.pop(key_id, None))
        try:
            return (await asyncio.shield(asking)).key
        except MillraceError as error:
            raise _unknowable("The server cannot check keys now.") from error

    async def _ask(self, key_id: str, known: _Known | None) -> _Known:
        """What PostgreSQL says of a key; while it is away, what was known of one that exists."""
        now = time.monotonic()
        try:
            key = await self._keys.find(key_id)
        except MillraceError as error:
            http_metrics.KEY_LOOKUPS.labels("failed").inc()
            log.warning("keys cannot be checked", error=str(error))
            away = isinstance(error, MetadataUnavailable)
            if away and known is not None and known.key is not None and now - known.at < self._grace_seconds:
                return known
            raise
        http_metrics.KEY_LOOKUPS.labels("found" if key is not None else "unknown").inc()
        found = self._known[key_id] = _Known(key, now)
        self._known.move_to_end(key_id)
        while len(self._known) > KNOWN:
            self._known.popitem(last=False)
        return found

    async def _note(self) -> None:
        while True:
            await asyncio.sleep(USED_SECONDS)
            await self._note_once()

    async def _note_once(self) -> None:
        used, self._used = self._used, {}
        try:
            if used:
                await self._keys.used(used)
        except MillraceError as error:
            self._used = used | self._used
            log.warning("the use of keys cannot be noted", error=str(error))


def allow(key: ApiKey, wanted: Iterable[tuple[str, str]]) -> None:
    """Check that a key may send these: pairs of domain and topic. Raises Problem (403)."""
    for domain, topic in wanted:
        if domain not in key.domains:
            raise _forbidden(
                f"Key {key.id} may not send events of domain {domain!r}, only of {', '.join(key.domains)}. Nothing was "
                "sent."
            )
        if Scope.EVENTS_WRITE not in key.scopes and topic != PAGES_TOPIC:
            raise _forbidden(
                f"Key {key.id} may send page views alone, no events of topic {topic!r}. Nothing was sent.",
                Scope.EVENTS_WRITE,
            )


PAGES_TOPIC = "ticketing.pages"
WRITING = (Scope.EVENTS_WRITE, Scope.PAGES_WRITE)


def allow_writing(key: ApiKey) -> None:
    """Check that a key may send anything at all. Raises Problem (403)."""
    if not any(scope in key.scopes for scope in WRITING):
        detail = f"Key {key.id} has the scope {' '.join(key.scopes)}; to send events it needs {Scope.EVENTS_WRITE}."
        raise _forbidden(detail, Scope.EVENTS_WRITE)


def allow_reading(key: ApiKey, domain: str) -> None:
    """Check that a key may ask for metrics of a domain. Raises Problem (403)."""
    if Scope.METRICS_READ not in key.scopes:
        detail = f"Key {key.id} has the scope {' '.join(key.scopes)}; to ask for metrics it needs {Scope.METRICS_READ}."
        raise _forbidden(detail, Scope.METRICS_READ)
    if domain not in key.domains:
        raise _forbidden(f"Key {key.id} may not read domain {domain!r}, only {', '.join(key.domains)}.")


def allow_rows(key: ApiKey, domain: str) -> None:
    """Check that a key may export rows of a domain. Raises Problem (403)."""
    if Scope.ROWS_READ not in key.scopes:
        detail = f"Key {key.id} has the scope {' '.join(key.scopes)}; to export rows it needs {Scope.ROWS_READ}."
        raise _forbidden(detail, Scope.ROWS_READ)
    if domain not in key.domains:
        raise _forbidden(f"Key {key.id} may not read domain {domain!r}, only {', '.join(key.domains)}.")


def allow_people(key: ApiKey) -> None:
    """Check that a key may see who is behind a number. Raises Problem (403)."""
    if Scope.PEOPLE_READ not in key.scopes:
        detail = (
            f"Key {key.id} has the scope {' '.join(key.scopes)}; to see ids of people it needs {Scope.PEOPLE_READ}."
        )
        raise _forbidden(detail, Scope.PEOPLE_READ)


def _unauthorized(challenge: str, title: str, detail: str) -> Problem:
    hint = f"{detail}; an operator makes one with `millrace keys create NAME`."
    return Problem(401, "unauthorized", title, hint, headers={"WWW-Authenticate": challenge})


def _refused(why: str) -> Problem:
    return _unauthorized(f'{REALM}, error="invalid_token"', "The key is refused", f"{why}. Send another key")


def _forbidden(detail: str, scope: Scope | None = None) -> Problem:
    challenge = f'{REALM}, error="insufficient_scope"' + (f', scope="{scope}"' if scope else "")
    title = "The key may not do this"
    return Problem(403, "forbidden", title, detail, headers={"WWW-Authenticate": challenge})


def _unknowable(why: str) -> Problem:
    return later(503, "keys_unavailable", "Keys cannot be checked", f"{why} Nothing was sent; send it again later.")
