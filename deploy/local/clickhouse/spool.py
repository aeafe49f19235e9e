"""Bodies of requests and results, kept in nameless files: they vanish with the process, however it ends."""

import os
from collections.abc import Iterator
from pathlib import Path

_PIECE = 1 << 20


class Spools:
    """Makes spools, and moves them from memory to disk when together they would hold too much memory."""

    def __init__(self, folder: Path, memory_bytes: int) -> None:
        self.folder = folder
        self.memory_bytes = memory_bytes
        self.in_memory = 0

    def new(self) -> "Spool":
        """An empty spool; close it."""
        return Spool(self)


class Spool:
    """One nameless file, in memory as long as the budget allows, else in the data folder."""

    def __init__(self, owner: Spools) -> None:
        self._owner = owner
        self._fd = os.memfd_create("millrace-clickhouse", os.MFD_CLOEXEC)
        self._memory = True
        self.size = 0

    @property
    def path(self) -> str:
        """A path under which this process, and only this process, can open the file."""
        return f"/proc/self/fd/{self._fd}"

    def write(self, data: bytes) -> None:
        """Append bytes."""
        if self._memory:
            if self._owner.in_memory + len(data) > self._owner.memory_bytes:
                self._to_disk()
            else:
                self._owner.in_memory += len(data)
        self.size += len(data)
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._fd, rest) :]

    def _to_disk(self) -> None:
        disk = os.open(self._owner.folder, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
        for piece in self.pieces():
            os.write(disk, piece)
        os.close(self._fd)
        self._owner.in_memory -= self.size
        self._fd, self._memory = disk, False

    def read(self, start: int, length: int) -> bytes:
        """Bytes from a position; fewer at the end."""
        return os.pread(self._fd, length, start)

    def pieces(self, start: int = 0) -> Iterator[bytes]:
        """The content from byte `start`, piece by piece."""
        while start < self.size:
            piece = os.pread(self._fd, _PIECE, start)
            start += len(piece)
            yield piece

    def close(self) -> None:
        """Give the memory or disk back; may be called twice."""
        if self._fd < 0:
            return
        os.close(self._fd)
        self._fd = -1
        if self._memory:
            self._owner.in_memory -= self.size
