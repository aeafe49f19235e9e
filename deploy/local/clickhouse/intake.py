"""From a request's body to the statement and its data: the whole body is taken before anything runs."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

from aiohttp import web

from deploy.local.clickhouse import encoding, frames, statement
from deploy.local.clickhouse.call import Call
from deploy.local.clickhouse.config import Limits
from deploy.local.clickhouse.failures import refused
from deploy.local.clickhouse.spool import Spool, Spools
from deploy.local.clickhouse.statement import Insert, Statement

_HEAD = 1 << 20
"""Bytes in which an INSERT must come to its data."""
_LONGEST_TEXT = 16 << 20
"""Bytes of a statement without data."""


@dataclass(frozen=True, slots=True)
class Order:
    """A statement and, for an INSERT, its data in the engine's name for the coding."""

    statement: Statement
    data: Spool | None = None
    coding: str = "none"


async def receive(request: web.Request, spool: Spool, limits: Limits) -> None:
    """Take the whole body into `spool`; raises EngineError for one too long, and 209 for a client that stalls."""
    if (request.content_length or 0) > limits.body_bytes:
        raise _too_long(limits)
    while True:
        try:
            async with asyncio.timeout(limits.receive_seconds):
                piece = await request.content.readany()
        except TimeoutError:
            text = f"Timeout exceeded while receiving the body: no byte for {limits.receive_seconds:g} s"
            raise refused(209, "SOCKET_TIMEOUT", text) from None
        if not piece:
            return
        if spool.size + len(piece) > limits.body_bytes:
            raise _too_long(limits)
        spool.write(piece)


def _too_long(limits: Limits) -> Exception:
    text = f"The body is longer than {limits.body_bytes} bytes; send it in parts or raise --max-body-bytes"
    return refused(307, "TOO_MANY_BYTES", text)


def understand(call: Call, body: Spool, coding: str, spools: Spools, limits: Limits) -> Order:
    """Find the statement, in the parameter `query` or at the body's start, and the data after it."""
    unpacked = _bounded(encoding.decompressed(coding, body.pieces()), limits)
    if not call.query:
        return _from_text(b"", unpacked, call, spools)
    parsed = statement.parse(call.query, call.default_format)
    if isinstance(parsed, Insert):
        if not call.query[parsed.data :].strip():
            frames.check(coding, body.read, body.size)
            return Order(parsed, body, coding if body.size else "none")
        return _from_text(call.query, unpacked, call, spools)
    if body.size:
        return _from_text(call.query, unpacked, call, spools)
    return Order(parsed)


def _from_text(head: bytes, rest: Iterator[bytes], call: Call, spools: Spools) -> Order:
    for piece in rest:
        head += piece
        if len(head) >= _HEAD:
            break
    parsed = statement.parse(head, call.default_format)
    if isinstance(parsed, Insert):
        data = spools.new()
        try:
            data.write(head[parsed.data :])
            for piece in rest:
                data.write(piece)
        except BaseException:
            data.close()
            raise
        return Order(parsed, data)
    for piece in rest:
        head += piece
        if len(head) > _LONGEST_TEXT:
            raise refused(62, "SYNTAX_ERROR", f"Max query size exceeded: {_LONGEST_TEXT} bytes without INSERT data")
    return Order(statement.parse(head, call.default_format))


def _bounded(pieces: Iterator[bytes], limits: Limits) -> Iterator[bytes]:
    taken = 0
    for piece in pieces:
        taken += len(piece)
        if taken > limits.body_bytes:
            raise _too_long(limits)
        yield piece
