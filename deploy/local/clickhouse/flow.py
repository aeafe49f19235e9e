"""A result on its way from the engine to the client: through a pipe, never whole in memory."""

import asyncio
import contextlib
import fcntl
import os
from collections.abc import AsyncGenerator

_PIPE = 1 << 20


class Flow:
    """A pipe that the engine opens as a file and the event loop reads."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self._read, False)
        with contextlib.suppress(PermissionError):  # beyond the kernel's bound for all pipes of a user: a small one
            fcntl.fcntl(self._write, fcntl.F_SETPIPE_SZ, _PIPE)

    @property
    def target(self) -> bytes:
        """The clause that sends a statement's result into the pipe."""
        return f" INTO OUTFILE '/proc/self/fd/{self._write}' APPEND ".encode()

    def end(self) -> None:
        """The engine is done: what is in the pipe is the rest. May be called twice."""
        if self._write >= 0:
            os.close(self._write)
            self._write = -1

    def abandon(self) -> None:
        """Nobody reads on: an engine that still writes gets an error. May be called twice."""
        if self._read >= 0:
            os.close(self._read)
            self._read = -1

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """The result as it comes, until `end`."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                piece = os.read(self._read, _PIPE)
            except BlockingIOError:
                readable = loop.create_future()
                loop.add_reader(self._read, _wake, readable)
                try:
                    await readable
                finally:
                    loop.remove_reader(self._read)
                continue
            if not piece:
                return
            yield piece


def _wake(readable: asyncio.Future[None]) -> None:
    if not readable.done():
        readable.set_result(None)
