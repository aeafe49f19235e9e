"""Content codings of requests and responses: which one to use, and incremental codecs for it."""

import sys
import zlib
from collections.abc import Callable, Iterator
from typing import Protocol

import lz4.frame

from deploy.local.clickhouse.failures import refused

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

ENGINE_NAMES = {"": "none", "identity": "none", "lz4": "lz4", "zstd": "zstd", "gzip": "gzip", "deflate": "deflate"}
ENGINE_NAMES |= {"br": "br", "xz": "xz", "bz2": "bz2"}
"""Codings of a request body, and what the engine calls them in FROM INFILE ... COMPRESSION."""

_PREFERRED = ("lz4", "zstd", "gzip", "deflate")
_PIECE = 1 << 20


class Compressor(Protocol):
    """An incremental compressor."""

    def compress(self, data: bytes, /) -> bytes:
        """Take bytes in, give what is ready."""

    def flush(self) -> bytes:
        """End the stream."""


class _Lz4:
    def __init__(self) -> None:
        self._inner = lz4.frame.LZ4FrameCompressor()
        self._head: bytes = self._inner.begin()

    def compress(self, data: bytes, /) -> bytes:
        head, self._head = self._head, b""
        return head + bytes(self._inner.compress(data))

    def flush(self) -> bytes:
        head, self._head = self._head, b""
        return head + bytes(self._inner.flush())


_COMPRESSORS: dict[str, Callable[[], Compressor]] = {
    "lz4": _Lz4,
    "zstd": lambda: zstd.ZstdCompressor(level=1),
    "gzip": lambda: zlib.compressobj(1, wbits=31),
    "deflate": lambda: zlib.compressobj(1),
}


def answer(accepted: str, allowed: bool) -> str:
    """The coding of a response, "" for none: the quickest that the client accepts, if its settings allow it."""
    if not allowed:
        return ""
    named = {part.split(";")[0].strip().lower() for part in accepted.split(",") if part.split(";")[-1].strip() != "q=0"}
    return next((name for name in _PREFERRED if name in named), "")


def compressor(coding: str) -> Compressor:
    """A new compressor for a coding that `answer` has chosen."""
    return _COMPRESSORS[coding]()


def engine_name(coding: str) -> str:
    """What the engine calls a request's coding; raises EngineError for one that it does not know."""
    name = ENGINE_NAMES.get(coding.strip().lower())
    if name is None:
        raise refused(
            779, "UNSUPPORTED_MEDIA_TYPE", f"Unknown Content-Encoding '{coding}'; use {', '.join(_PREFERRED)}"
        )
    return name


def decompressed(coding: str, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Undo a coding piece by piece. Raises EngineError for broken, cut or unknown data."""
    if coding == "none":
        yield from pieces
        return
    try:
        yield from _decompressed(coding, pieces)
    except (RuntimeError, zlib.error, EOFError, OSError, zstd.ZstdError) as error:
        raise refused(89, "UNKNOWN_COMPRESSION_METHOD", f"The body is not valid {coding}: {error}") from error


def _decompressed(coding: str, pieces: Iterator[bytes]) -> Iterator[bytes]:
    if coding in ("gzip", "deflate"):
        yield from _inflated(pieces, 31 if coding == "gzip" else 15)
        return
    opened = {"lz4": lz4.frame.LZ4FrameDecompressor, "zstd": zstd.ZstdDecompressor}.get(coding)
    if opened is None:
        raise refused(
            779,
            "UNSUPPORTED_MEDIA_TYPE",
            f"A body in {coding} must hold data only: put the statement into the parameter `query`",
        )
    codec = opened()
    fresh = True
    for piece in pieces:
        while piece:
            if codec.eof:
                codec, fresh = opened(), True
            data = codec.decompress(piece, _PIECE)
            fresh = False
            yield data
            while not codec.eof and not codec.needs_input:
                yield codec.decompress(b"", _PIECE)
            piece = codec.unused_data or b"" if codec.eof else b""
    if not fresh and not codec.eof:
        raise EOFError("it ends in the middle of a frame")


def _inflated(pieces: Iterator[bytes], window: int) -> Iterator[bytes]:
    codec = zlib.decompressobj(window)
    started = False
    for piece in pieces:
        while piece:
            if codec.eof:
                codec = zlib.decompressobj(window)
            started = True
            yield codec.decompress(piece, _PIECE)
            piece = codec.unused_data if codec.eof else codec.unconsumed_tail
    if started and not codec.eof:
        raise EOFError("it ends in the middle")
