"""Reads the body of a request, inflated where it is compressed, and never more of it than is allowed."""

import asyncio
import zlib

from fastapi import Request

from api.ingest.hold import Hold
from api.problems import Problem
from streams import http_metrics

GZIP = 31
"""zlib's word for a window of 32 KB in gzip's wrapping."""
MOST_MEMBERS = 1000
"""Parts of one gzip body at most: an empty one costs the sender 20 bytes, and us far more."""
GZIP_NAMES = ("gzip", "x-gzip")

_received = http_metrics.BYTES.labels("received")
_inflated = http_metrics.BYTES.labels("inflated")


async def read(request: Request, limit: int, seconds: float, hold: Hold) -> bytes:
    """The whole body, in `seconds` at most. Raises Problem where it is too long, too slow or no gzip."""
    length, inflate = _announced(request, limit), _inflater(request, limit)
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(seconds):
            async for part in request.stream():
                size += len(part)
                if size > limit:
                    raise too_long(limit)
                part = inflate.feed(part) if inflate is not None else part
                hold.more(len(part))
                parts.append(part)
    except TimeoutError:
        text = f"{size} of {length if length is not None else 'the'} bytes came within {seconds:g} s"
        detail = f"{text} (INGEST_READ_SECONDS). Send smaller batches, or compress them."
        raise Problem(408, "too_slow", "The body came too slowly", detail, headers={"Connection": "close"}) from None
    _received.inc(size)
    if inflate is not None:
        inflate.end()
        _inflated.inc(inflate.size)
    return b"".join(parts) if len(parts) != 1 else parts[0]


def too_long(limit: int) -> Problem:
    """The answer to a body beyond the limit."""
    return Problem(
        413,
        "body_too_large",
        "The body is too large",
        f"A body may have {limit} bytes, and as many after decompression (INGEST_BODY_BYTES). Send smaller batches.",
        headers={"Connection": "close"},
        limit=limit,
    )


def _announced(request: Request, limit: int) -> int | None:
    text = request.headers.get("content-length", "")
    length = int(text) if text.isdigit() else None
    if length is not None and length > limit:
        raise too_long(limit)
    return length


def _inflater(request: Request, limit: int) -> "Inflater | None":
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding in GZIP_NAMES:
        return Inflater(limit)
    if encoding in ("", "identity"):
        return None
    raise Problem(
        415,
        "unsupported_encoding",
        "The encoding is not understood",
        f"Content-Encoding {encoding[:80]!r} is not understood; send gzip, or no Content-Encoding.",
        headers={"Accept-Encoding": "gzip"},
    )


class Inflater:
    """Inflates gzip part by part; a bomb is refused as it grows, before it is whole in memory."""

    def __init__(self, limit: int) -> None:
        self.size = 0
        """Bytes that came out until now."""
        self._limit = limit
        self._members = 0
        self._zlib = zlib.decompressobj(GZIP)

    def feed(self, data: bytes) -> bytes:
        """What these bytes inflate to. Raises Problem."""
        parts: list[bytes] = []
        while data:
            if self._zlib.eof:
                self._next_member()
            try:
                part = self._zlib.decompress(data, self._limit - self.size + 1)
            except zlib.error as error:
                raise broken(str(error)) from None
            self.size += len(part)
            if self.size > self._limit:
                raise too_long(self._limit)
            parts.append(part)
            data = self._zlib.unused_data
        return b"".join(parts)

    def end(self) -> None:
        """Nothing more comes. Raises Problem where something is missing."""
        if not self._zlib.eof:
            raise broken("it ends too early")

    def _next_member(self) -> None:
        self._members += 1
        if self._members >= MOST_MEMBERS:
            raise broken(f"it has more than {MOST_MEMBERS} parts")
        self._zlib = zlib.decompressobj(GZIP)


def broken(why: str) -> Problem:
    """The answer to what is no gzip."""
    return Problem(400, "bad_gzip", "The body is no gzip", f"Content-Encoding says gzip, but the body is none: {why}.")
