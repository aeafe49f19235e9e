"""Whether a packed body is whole: the engine takes an lz4 or zstd stream that was cut for a short one."""

from collections.abc import Callable

from deploy.local.clickhouse.failures import refused

_LZ4 = 0x184D2204
_ZSTD = 0xFD2FB528
_SKIPPABLE = 0x184D2A50

Read = Callable[[int, int], bytes]
"""Bytes of the body: from a position, as many as given, fewer at its end."""


class _Walk:
    """A position in the body, moved from header to header; the packed data between them is not looked at."""

    def __init__(self, read: Read, size: int) -> None:
        self.read = read
        self.size = size
        self.at = 0

    def number(self, length: int) -> int:
        data = self.read(self.at, length)
        self.skip(length)
        return int.from_bytes(data, "little")

    def skip(self, length: int) -> None:
        self.at += length
        if self.at > self.size:
            raise EOFError


def check(coding: str, read: Read, size: int) -> None:
    """Raise EngineError if an lz4 or zstd body is not a row of whole frames; other codings the engine checks itself."""
    if coding not in ("lz4", "zstd"):
        return
    walk = _Walk(read, size)
    try:
        while walk.at < size:
            _frame(walk, coding)
    except EOFError:
        text = f"The body is not whole: its {coding} data ends after {size} bytes in the middle of a frame"
        raise refused(89, "UNKNOWN_COMPRESSION_METHOD", text) from None


def _frame(walk: _Walk, coding: str) -> None:
    magic = walk.number(4)
    if magic & ~0xF == _SKIPPABLE:
        walk.skip(walk.number(4))
    elif coding == "lz4" and magic == _LZ4:
        _lz4(walk)
    elif coding == "zstd" and magic == _ZSTD:
        _zstd(walk)
    else:
        text = f"The body is not {coding} data, although Content-Encoding says so"
        raise refused(89, "UNKNOWN_COMPRESSION_METHOD", text)


def _lz4(walk: _Walk) -> None:
    flags = walk.number(1)
    walk.skip(1 + (8 if flags & 0x08 else 0) + (4 if flags & 0x01 else 0) + 1)
    while length := walk.number(4):
        walk.skip((length & 0x7FFFFFFF) + (4 if flags & 0x10 else 0))
    walk.skip(4 if flags & 0x04 else 0)


def _zstd(walk: _Walk) -> None:
    flags = walk.number(1)
    single = bool(flags & 0x20)
    content_size = (1 if single else 0, 2, 4, 8)[flags >> 6]
    walk.skip((0 if single else 1) + (0, 1, 2, 4)[flags & 3] + content_size)
    last = 0
    while not last:
        head = walk.number(3)
        last = head & 1
        walk.skip(1 if head >> 1 & 3 == 1 else head >> 3)
    walk.skip(4 if flags & 0x04 else 0)
