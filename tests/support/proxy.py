"""A TCP proxy between a worker and one of its parts, which a test can let refuse, stall, or swallow answers."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager

HEAD_END = b"\r\n\r\n"


class Proxy:
    """Forwards to `host:port`; the flags act on connections and bytes from now on."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self.port = 0
        self.refuses = False
        """Close every connection at once, the open ones too."""
        self.swallows = 0
        """Cut the connection instead of passing on the answer to so many inserts of rows: their outcome is unknown."""
        self.swallowed = 0
        self.inserts = b"insert_deduplication_token"
        """What the first line of such a request holds."""
        self.passes = asyncio.Event()
        """Cleared: bytes from the worker are kept back."""
        self.passes.set()
        self.stalls = 0
        """Of so many inserts only the head and a byte of the body are passed on, and the rest once `bodies` is set."""
        self.bodies = asyncio.Event()
        self.bodies.set()
        self.delay = 0.0
        """Seconds by which everything that the worker sends comes late."""
        self._writers: set[asyncio.StreamWriter] = set()

    def aim(self, host: str, port: int) -> None:
        """Forward what comes from now on to another server."""
        self._target = (host, port)

    async def serve(self) -> asyncio.Server:
        """Listen on a free port."""
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        return server

    def refuse(self) -> None:
        """Be away: close what is open, take nothing new."""
        self.refuses = True
        self.cut()

    def cut(self) -> None:
        """Close what is open; new connections are taken."""
        for writer in list(self._writers):
            writer.close()

    def is_insert(self, data: bytes) -> bool:
        """Whether a request whose answer `swallows` is about begins with these bytes."""
        return self.inserts in data.split(b"\r\n", 1)[0]

    def edited(self, data: bytes) -> bytes:
        """What the server gets instead of these bytes."""
        return data

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.refuses:
            writer.close()
            return
        try:
            there_reader, there_writer = await asyncio.open_connection(*self._target)
        except OSError:
            writer.close()  # nobody listens there now
            return
        self._writers |= {writer, there_writer}
        inserting = asyncio.Event()
        with contextlib.suppress(OSError):
            await asyncio.gather(
                self._pump(reader, there_writer, inserting, to_server=True),
                self._pump(there_reader, writer, inserting, to_server=False),
            )
        self._writers -= {writer, there_writer}

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, inserting: asyncio.Event, *, to_server: bool
    ) -> None:
        try:
            while data := await reader.read(65536):
                if to_server:
                    if self.delay:
                        await asyncio.sleep(self.delay)
                    await self.passes.wait()
                    data = self.edited(data)
                    if self.is_insert(data):
                        inserting.set()
                        if self.stalls > 0:
                            self.stalls -= 1
                            data = await self._stall(data, reader, writer)
                elif inserting.is_set():
                    inserting.clear()
                    if self.swallows > 0:
                        self.swallows -= 1
                        self.swallowed += 1
                        return
                writer.write(data)
                await writer.drain()
        finally:
            writer.close()

    async def _stall(self, data: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        """Keep back the body of a request that begins with `data`; returns it once it may go on.

        Whoever sends may give up meanwhile: what it had sent until then goes on all the same.
        """
        while (end := data.find(HEAD_END)) < 0 or len(data) == end + len(HEAD_END):
            if not (more := await reader.read(65536)):
                return data
            data += more
        begun = end + len(HEAD_END) + 1
        writer.write(data[:begun])
        await writer.drain()
        while not self.bodies.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.1):
                    if not (more := await reader.read(65536)):
                        await self.bodies.wait()
                    data += more
        return data[begun:]


@asynccontextmanager
async def proxy(host: str, port: int, kind: type[Proxy] = Proxy) -> AsyncIterator[Proxy]:
    """A running proxy."""
    made = kind(host, port)
    server = await made.serve()
    yield made
    made.passes.set()
    made.bodies.set()
    made.refuse()
    server.close()


class ProxyThread:
    """A proxy with a thread of its own, for tests that wait without a loop."""

    def __init__(self, made: Proxy, loop: asyncio.AbstractEventLoop) -> None:
        self._proxy = made
        self._loop = loop
        self.port = made.port

    def refuse(self) -> None:
        """Be away."""
        self._loop.call_soon_threadsafe(self._proxy.refuse)

    def accept(self) -> None:
        """Be there again."""
        self._proxy.refuses = False

    def do(self, change: Callable[[Proxy], object]) -> None:
        """Let a change be made in the proxy's own thread."""
        self._loop.call_soon_threadsafe(change, self._proxy)


@contextmanager
def proxy_thread(host: str, port: int, kind: type[Proxy] = Proxy) -> Iterator[ProxyThread]:
    """A running proxy beside the test."""
    ready: Future[ProxyThread] = Future()
    over = asyncio.Event()

    async def serve() -> None:
        async with proxy(host, port, kind) as made:
            ready.set_result(ProxyThread(made, asyncio.get_running_loop()))
            await over.wait()
        # Every connection is closed now: its handler ends by itself, which a cancellation would report as an error.
        await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()}, return_exceptions=True)

    thread = threading.Thread(target=lambda: asyncio.run(serve()), name="proxy")
    thread.start()
    made = ready.result(10)
    try:
        yield made
    finally:
        made._loop.call_soon_threadsafe(over.set)
        thread.join()
