"""Exports that are made as jobs, over HTTP: ordered, watched, fetched, cancelled; each by the key that ordered it."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from fastapi import Request
from fastapi.responses import Response
from sqlalchemy.ext.asyncio import AsyncEngine

from api.exports import order as ordering
from api.exports.download import HEADERS, download
from api.exports.service import allow, sees_people
from api.exports.shelf import shelf_of
from api.metrics.service import Metrics, told
from api.problems import Problem, later
from clickhouse.export.writers import KINDS
from metadata.audit import Action, Entry
from metadata.exports import Exports, State
from metadata.leases import Leases
from metadata.models import ApiKey, ReportExecution
from metadata.schedule.declared import jobs as declared
from metadata.schedule.jobs import LEASE, Jobs
from streams.errors import QueryRefused
from streams.settings import Settings

LONGEST: Final = 65_536
"""Bytes of an order at most."""
LISTED: Final = 100
"""Exports that are listed, the newest."""


class ExportJobs:
    """Ordered exports of one web process; keys are those of the metrics."""

    def __init__(self, settings: Settings, metrics: Metrics, engine: AsyncEngine | None) -> None:
        """`engine`: the metadata database; None where no setting names one, and then no key is admitted."""
        self._settings = settings
        self._metrics = metrics
        self._engine = engine

    async def order(self, request: Request) -> Response:
        """Take an order. Never raises for what a client sends."""
        return await told("exports", self._order(request))

    async def list(self, request: Request) -> Response:
        """What the key has ordered, the newest first. Never raises for what a client sends."""
        return await told("exports", self._list(request))

    async def show(self, number: str, request: Request) -> Response:
        """How far one is. Never raises for what a client sends."""
        return await told("exports", self._show(number, request))

    async def cancel(self, number: str, request: Request) -> Response:
        """Let one not be made, or its file be removed. Never raises for what a client sends."""
        return await told("exports", self._cancel(number, request))

    async def file(self, number: str, request: Request) -> Response:
        """The file of one that is done. Never raises for what a client sends."""
        return await told("exports", self._file(number, request))

    async def _order(self, request: Request) -> Response:
        key = await self._metrics.admit(request)
        wanted = ordering.of_words(await _words(request), people=sees_people(key))
        allow(key, wanted)
        engine, now = self._connected, datetime.now(UTC)
        if await Leases(engine, self._settings).holder(LEASE) is None:
            detail = "No scheduler runs, so nobody would make it; an operator starts `millrace scheduler`."
            raise later(503, "no_scheduler", "Nobody makes exports", detail, 60)
        await Jobs(engine, self._settings).add(declared(self._settings), now)
        entry = Entry(f"key:{key.id}", Action.EXPORT, wanted.subject, {**wanted.facts, "job": True})
        number = await self._kept.order(wanted.asked, entry, now)
        found = await self._found(str(number), key)
        return _answer(facts(found), 202, {"Location": f"/v1/exports/{number}"})

    async def _list(self, request: Request) -> Response:
        key = await self._metrics.admit(request)
        found = await self._kept.newest(f"key:{key.id}", LISTED)
        return _answer({"exports": [facts(each) for each in found]})

    async def _show(self, number: str, request: Request) -> Response:
        return _answer(facts(await self._found(number, await self._metrics.admit(request))))

    async def _cancel(self, number: str, request: Request) -> Response:
        key = await self._metrics.admit(request)
        found = await self._found(number, key)
        await self._kept.cancel(found.id, f"key:{key.id}", datetime.now(UTC))
        return _answer(facts(await self._found(number, key)))

    async def _file(self, number: str, request: Request) -> Response:
        key = await self._metrics.admit(request)
        found = await self._found(number, key)
        allow(key, ordering.of_words(found.asked, people=True))
        is_over = found.expires_at is not None and found.expires_at <= datetime.now(UTC)
        shelf, name = await asyncio.to_thread(shelf_of, self._settings), str(found.file)
        size = await asyncio.to_thread(shelf.size, name) if found.state == State.DONE and not is_over else None
        if found.state == State.EXPIRED or (found.state == State.DONE and size is None):
            raise Problem(410, "expired", "The file is gone", f"Export {found.id} has expired. Order it again.")
        if size is None:
            detail = f"Export {found.id} is {found.state}; GET /v1/exports/{found.id} tells how far it is."
            raise Problem(409, "not_done", "There is no file yet", detail)
        form = ordering.format_of(found.asked["format"])
        async with self._metrics.recorded(key, Action.DOWNLOAD, f"export {found.id}", {"bytes": found.bytes}):
            kind, filename = KINDS[form].media_type, f"export-{found.id}.{form.value}"
            return download(shelf, name, size, request.headers, media_type=kind, filename=filename)

    @property
    def _connected(self) -> AsyncEngine:
        assert self._engine is not None  # a key was admitted
        return self._engine

    @property
    def _kept(self) -> Exports:
        return Exports(self._connected, self._settings)

    async def _found(self, number: str, key: ApiKey) -> ReportExecution:
        """An export that a key ordered. Raises Problem (404): those of others are as if there were none."""
        is_number = number.isascii() and number.isdigit() and len(number) < 16
        found = await self._kept.find(int(number), f"key:{key.id}") if is_number else None
        if found is None:
            detail = f"This key has ordered no export {number[:20]!r}. GET /v1/exports lists what it has."
            raise Problem(404, "not_found", "No such export", detail)
        return found


def facts(found: ReportExecution) -> dict[str, Any]:
    """An export as JSON."""
    times = ("created_at", "started_at", "ended_at", "expires_at")
    is_there = found.state == State.DONE
    return {
        "id": found.id,
        "state": found.state,
        "asked": found.asked,
        "progress": found.progress,
        "rows": found.rows,
        "rows_expected": found.expected,
        "bytes": found.bytes,
        "attempt": found.attempt,
        "error": found.error,
        **{name: None if (at := getattr(found, name)) is None else at.isoformat() for name in times},
        "file": f"/v1/exports/{found.id}/file" if is_there else None,
    }


async def _words(request: Request) -> Any:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > LONGEST:
            detail = f"An order has {LONGEST:,} bytes at most. Send a shorter one."
            raise Problem(413, "too_long", "The order is too long", detail, limit=LONGEST)
    try:
        return msgspec.json.decode(body)  # it refuses half a character, which no store takes
    except (ValueError, RecursionError):
        hint = "Send a JSON object with `table`, `metrics` or `analytics`, and what belongs to it."
        raise QueryRefused("The body is no JSON.", code="bad_order", value=str(body[:40]), hint=hint) from None


def _answer(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    body = json.dumps(content).encode()
    return Response(body, status, media_type="application/json", headers=HEADERS | (headers or {}))
