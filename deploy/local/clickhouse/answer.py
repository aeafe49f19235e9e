"""Answers: headers, summaries, errors, and results that stream while the engine still works."""

import asyncio
import json
import secrets
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from dataclasses import dataclass

from aiohttp import web

from deploy.local.clickhouse import encoding, failures
from deploy.local.clickhouse.engine import Engine, Outcome
from deploy.local.clickhouse.failures import EngineError
from deploy.local.clickhouse.flow import Flow
from deploy.local.clickhouse.spool import Spool

HELD = 1 << 20
"""Bytes of a result that are held back, so that an early error still gets its own status."""
_INLINE = 32 << 10
"""Bytes that are packed in the event loop; more goes to a thread."""
_TYPES = {
    "TabSeparated": "text/tab-separated-values; charset=UTF-8",
    "TSV": "text/tab-separated-values; charset=UTF-8",
    "CSV": "text/csv; charset=UTF-8; header=absent",
    "CSVWithNames": "text/csv; charset=UTF-8; header=present",
    "JSON": "application/json; charset=UTF-8",
    "JSONCompact": "application/json; charset=UTF-8",
    "JSONEachRow": "application/x-ndjson; charset=UTF-8",
    "Arrow": "application/vnd.apache.arrow.file",
    "ArrowStream": "application/vnd.apache.arrow.stream",
    "Parquet": "application/octet-stream",
    "Native": "application/octet-stream",
    "RowBinary": "application/octet-stream",
}


@dataclass(frozen=True, slots=True)
class Frame:
    """What all answers to one request share."""

    engine: Engine
    query_id: str
    coding: str = ""
    timezone: str = ""
    send_seconds: float = 60

    def headers(self) -> dict[str, str]:
        """The headers of every answer, errors too."""
        return {
            "X-ClickHouse-Server-Display-Name": self.engine.host,
            "X-ClickHouse-Query-Id": self.query_id,
            "X-ClickHouse-Timezone": self.timezone or self.engine.timezone,
        }

    def result_headers(self, form: str, outcome: Outcome | None) -> dict[str, str]:
        """The headers of a result in a format; without an outcome the summary is of the start."""
        headers = self.headers() | {
            "X-ClickHouse-Format": form,
            "Content-Type": _TYPES.get(form, "text/plain; charset=UTF-8"),
            "X-ClickHouse-Summary": summary(outcome),
        }
        if self.coding:
            headers["Content-Encoding"] = self.coding
        return headers


def summary(outcome: Outcome | None) -> str:
    """The value of X-ClickHouse-Summary: numbers as strings, as ClickHouse writes them."""
    facts = outcome or Outcome(b"", 0, 0, 0, 0, 0.0)
    return json.dumps(
        {
            "read_rows": str(facts.read_rows),
            "read_bytes": str(facts.read_bytes),
            "written_rows": str(facts.written_rows),
            "written_bytes": str(facts.written_bytes),
            "total_rows_to_read": "0",
            "result_rows": str(facts.written_rows),
            "result_bytes": str(facts.written_bytes),
            "elapsed_ns": str(int(facts.seconds * 1e9)),
        },
        separators=(",", ":"),
    )


def error(failure: EngineError, frame: Frame) -> web.Response:
    """The answer to a request that failed before its result began."""
    headers = frame.headers() | {"X-ClickHouse-Exception-Code": str(failure.code)}
    text = failures.body(failure, frame.engine.version)
    return web.Response(status=failure.status, text=text, headers=headers)


def done(outcome: Outcome, form: str, frame: Frame) -> web.Response:
    """The answer to a statement that has no result, or one that the engine gave whole."""
    headers = frame.headers() | {"X-ClickHouse-Summary": summary(outcome)}
    if outcome.data:
        headers["X-ClickHouse-Format"] = form
        headers["Content-Type"] = _TYPES.get(form, "text/plain; charset=UTF-8")
    return web.Response(body=outcome.data, headers=headers)


class Packer:
    """Packs a result piece by piece in the coding of the answer."""

    def __init__(self, coding: str) -> None:
        self._codec = encoding.compressor(coding) if coding else None

    async def pack(self, piece: bytes) -> bytes:
        """Pack one piece."""
        if self._codec is None:
            return piece
        if len(piece) <= _INLINE:
            return self._codec.compress(piece)
        return await asyncio.to_thread(self._codec.compress, piece)

    def rest(self) -> bytes:
        """End the coding."""
        return self._codec.flush() if self._codec else b""


async def result(
    request: web.Request, flow: Flow, future: asyncio.Future[Outcome], form: str, held: Spool | None, frame: Frame
) -> web.StreamResponse:
    """Send a result; `held` is where it waits for its end, if the client asked to learn of errors first."""
    first: list[bytes] = []
    size = 0
    async with aclosing(flow.pieces()) as pieces:
        async for piece in pieces:
            size += len(piece)
            if held is not None and size > HELD:
                held.write(piece)
                continue
            first.append(piece)
            if size > HELD:
                return await _stream(request, first, pieces, future, form, frame)
    outcome = await future
    rest = held.pieces() if held is not None else iter(())
    return await _whole(request, first, rest, outcome, form, frame, small=size <= HELD)


async def _whole(
    request: web.Request,
    first: list[bytes],
    rest: Iterator[bytes],
    outcome: Outcome,
    form: str,
    frame: Frame,
    small: bool,
) -> web.StreamResponse:
    packer = Packer(frame.coding)
    headers = frame.result_headers(form, outcome)
    if small:
        body = b"".join([await packer.pack(piece) for piece in first])
        return web.Response(body=body + packer.rest(), headers=headers)
    response = web.StreamResponse(headers=headers)
    await response.prepare(request)
    for pieces in (iter(first), rest):
        for piece in pieces:
            await _send(response, await packer.pack(piece), frame)
    await _send(response, packer.rest(), frame)
    await response.write_eof()
    return response


async def _stream(
    request: web.Request,
    first: list[bytes],
    pieces: AsyncGenerator[bytes, None],
    future: asyncio.Future[Outcome],
    form: str,
    frame: Frame,
) -> web.StreamResponse:
    tag = secrets.token_hex(8)
    packer = Packer(frame.coding)
    headers = frame.result_headers(form, None) | {"X-ClickHouse-Exception-Tag": tag}
    response = web.StreamResponse(headers=headers)
    await response.prepare(request)
    for piece in first:
        await _send(response, await packer.pack(piece), frame)
    first.clear()
    async for piece in pieces:
        await _send(response, await packer.pack(piece), frame)
    try:
        await future
    except EngineError as failure:
        await _send(response, await packer.pack(_in_stream(failure, frame.engine.version, tag)), frame)
    await _send(response, packer.rest(), frame)
    await response.write_eof()
    return response


def _in_stream(failure: EngineError, version: str, tag: str) -> bytes:
    text = failures.body(failure, version).rstrip("\n")
    size = len(text.encode()) + 2
    return f"\r\n__exception__\r\n{tag}\r\n{text}\r\n{size} {tag}\r\n__exception__\r\n".encode()


async def _send(response: web.StreamResponse, piece: bytes, frame: Frame) -> None:
    if piece:
        async with asyncio.timeout(frame.send_seconds):
            await response.write(piece)
