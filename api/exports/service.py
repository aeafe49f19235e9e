"""The way of one export that is answered at once: the key, the order, the audit log, a temporary file, the answer."""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from typing import BinaryIO, Final, cast

from fastapi import Request
from fastapi.responses import Response, StreamingResponse
from starlette import types

from api.exports import order as ordering
from api.exports.order import Order, Reach
from api.ingest import guard
from api.metrics.service import Metrics, refusal, told
from api.problems import Problem, later
from clickhouse.export.make import Made, Size, make
from clickhouse.export.writers import KINDS
from clickhouse.metrics.answer import Answer, answer
from clickhouse.metrics.question import Question
from clickhouse.metrics.route import ROWS
from metadata.audit import Action
from metadata.keys import Scope
from metadata.models import ApiKey
from streams import http_metrics
from streams.errors import QueryRefused
from streams.settings import Settings

PIECE: Final = 1 << 18
"""Bytes of a file that are sent at a time."""
JOB_HINT: Final = "Ask for a shorter range or fewer columns, or have it made as a job: POST /v1/exports."

Ordered = Callable[[ApiKey], Order]


class Exports:
    """Exports of one web process; keys, client and turns are those of the metrics."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._settings = settings
        self._metrics = metrics
        self._underway = 0

    async def table(self, table: str, request: Request) -> Response:
        """Answer a request for a slice of a table. Never raises for what a client sends."""
        return await told(
            "export",
            self._answer(request, lambda key: ordering.of_table(table, request.query_params, people=sees_people(key))),
        )

    async def metrics(self, group: str, request: Request) -> Response:
        """Answer a request for all answers about metrics of a group. Never raises for what a client sends."""
        return await told("export", self._answer(request, lambda _: ordering.of_metrics(group, request.query_params)))

    async def _answer(self, request: Request, ordered: Ordered) -> Response:
        key = await self._metrics.admit(request)
        wanted = ordered(key)
        allow(key, wanted)
        if self._underway >= self._settings.export_concurrency:
            most = self._settings.export_concurrency
            detail = f"{most} exports are being made by this process, and that is all. Ask again later."
            raise later(503, "busy", "Too many exports", detail, 5, limit=most)
        self._underway += 1
        # It has no name, so it is gone with the answer, whatever happens.
        file = cast(BinaryIO, tempfile.TemporaryFile())  # noqa: SIM115  # the answer closes it
        try:
            async with self._metrics.recorded(key, Action.EXPORT, wanted.subject, wanted.facts) as act:
                made = await self._made(wanted, file)
                act.figures.update(rows=made.rows, bytes=made.bytes)
        except BaseException:
            file.close()
            raise
        finally:
            self._underway -= 1
        http_metrics.EXPORT_ROWS.labels(wanted.format).inc(made.rows)
        return Sent(file, headers(wanted, made))

    async def _made(self, wanted: Order, file: BinaryIO) -> Made:
        settings = self._settings
        size = Size(settings.export_rows, settings.export_bytes, "EXPORT_ROWS", "EXPORT_BYTES", JOB_HINT)
        source = wanted.open(Reach(settings, ROWS, self._ask))
        try:
            return await make(source, wanted.format, file, size)
        except QueryRefused as error:
            if error.code == "too_large":
                raise too_large(error) from error
            raise

    async def _ask(self, question: Question, compare: bool) -> Answer:
        return await self._metrics.read(
            lambda client: answer(client, question, compare=compare), lambda found: found.reading.source.is_rows
        )


class Sent(StreamingResponse):
    """A file as an answer, which is closed once it is sent, and when whoever wanted it is gone before."""

    def __init__(self, file: BinaryIO, headers: Mapping[str, str]) -> None:
        super().__init__(pieces(file), headers=headers)
        self._file = file

    async def __call__(self, scope: types.Scope, receive: types.Receive, send: types.Send) -> None:
        """Send it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._file.close()


def allow(key: ApiKey, wanted: Order) -> None:
    """Check that a key may have this. Raises Problem (403)."""
    for domain in wanted.domains:
        (guard.allow_rows if wanted.is_rows else guard.allow_reading)(key, domain)
    if wanted.tells_people:
        guard.allow_people(key)


def sees_people(key: ApiKey) -> bool:
    """Whether a key may see who is behind a row."""
    return Scope.PEOPLE_READ in key.scopes


def too_large(error: QueryRefused) -> Problem:
    """An export beyond its limits."""
    plain = refusal(error)
    return Problem(413, error.code, plain.title, str(plain), **plain.members)


def headers(wanted: Order, made: Made) -> dict[str, str]:
    """What is said of a file."""
    return {
        "Content-Type": KINDS[wanted.format].media_type,
        "Content-Length": str(made.bytes),
        "Content-Disposition": f'attachment; filename="{wanted.name}"',
        "Millrace-Rows": str(made.rows),
        "Cache-Control": "private, no-store",
        "Vary": "Authorization",
    }


def pieces(file: BinaryIO) -> Iterator[bytes]:
    """A file from its beginning."""
    file.seek(0)
    while piece := file.read(PIECE):
        yield piece
