"""One part of the embedded stack: on a free port, waited for, started again when it dies, stopped cleanly."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from pathlib import Path
from typing import Protocol

import psutil
import structlog

from deploy.local.process import Command, Process, free_port
from streams.errors import ConfigurationError

log = structlog.get_logger(__name__)

START_SECONDS = 60.0
PORT_TRIES = 6
POLL_SECONDS = 0.05
RESTART_FIRST_SECONDS = 0.2
RESTART_LONGEST_SECONDS = 10.0
STEADY_SECONDS = 30.0


class Server(Protocol):
    """What differs from part to part."""

    name: str
    setting: str
    """The field of Settings that holds the URL; set by the user, the part is not started but only pinged."""
    keeps_state: bool
    """Whether a new process finds what the dead one knew; else its death ends the stack."""

    def prepare(self) -> None:
        """Make ready what must exist before the process starts; called before every start, finds its work done."""

    def command(self, port: int) -> Command:
        """How to run it on this port."""

    def url(self, port: int) -> str:
        """What clients connect to."""


class State(StrEnum):
    """What a part is doing, for the terminal view and the tests."""

    STARTING = "starting"
    UP = "up"
    RESTARTING = "restarting"
    STOPPED = "stopped"
    LOST = "lost"


class NotReady(Exception):
    """The process ended, or did not answer in time."""


def start_all(parts: "Sequence[Part]") -> None:
    """Start parts at the same time. When one fails, or the caller is interrupted, all are stopped again."""
    with ThreadPoolExecutor(len(parts) or 1, "start") as pool:
        started = [pool.submit(part.start) for part in parts]
        try:
            for future in started:
                future.result()
        except BaseException:
            # Leaving the pool waits for the other starts: tell them that they are not wanted any more.
            for part in parts:
                part.stop()
            raise


def listens(pid: int, port: int) -> bool:
    """Whether this very process, or one below it, has the port."""
    try:
        process = psutil.Process(pid)
        return any(
            c.status == psutil.CONN_LISTEN and c.laddr.port == port
            for p in (process, *process.children())
            for c in p.net_connections("tcp")
        )
    except psutil.Error:
        return False


class Part:
    """A server, started, watched and stopped. Not to be started again after `stop`."""

    def __init__(
        self,
        server: Server,
        ping: Callable[[str], None],
        logs: Path,
        on_loss: Callable[[str], None],
        hold: tuple[int, ...] = (),
    ) -> None:
        """`on_loss` is called once, with a sentence, if a part that cannot keep its state dies. `hold`: see Process."""
        self.server = server
        self.ping = ping
        self.state = State.STARTING
        self.restarts = 0
        self.port = 0
        self._log = logs / f"{server.name}.log"
        self._on_loss = on_loss
        self._hold = hold
        self._stopping = threading.Event()
        self._process: Process | None = None
        self._watcher: threading.Thread | None = None

    @property
    def url(self) -> str:
        """What clients connect to; the same over restarts."""
        return self.server.url(self.port)

    @property
    def pid(self) -> int:
        """The present process."""
        return self._process.pid if self._process else 0

    def start(self) -> None:
        """Start on a free port and return once it answers. Raises ConfigurationError with the end of its log."""
        self.server.prepare()
        for _ in range(PORT_TRIES):
            if self._stopping.is_set():
                return
            self.port = free_port()
            try:
                self._process = self._run()
                break
            except NotReady as error:
                reason = error
                if "in use" not in str(error).lower():
                    break
        else:
            raise ConfigurationError(f"{self.server.name} found no free port in {PORT_TRIES} tries. {reason}")
        if self._process is None:
            raise ConfigurationError(f"{self.server.name} does not start. {reason}")
        self.state = State.UP
        self._watcher = threading.Thread(target=self._watch, name=f"watch-{self.server.name}", daemon=True)
        self._watcher.start()
        if self._stopping.is_set():
            self._process.stop()

    def stop(self) -> None:
        """Stop the process if it runs, and with it the watching. Returns when nothing of it is left."""
        self._stopping.set()
        if self._process is not None:
            self._process.stop()
        if self._watcher is not None:
            self._watcher.join()
        if self.state is not State.LOST:
            self.state = State.STOPPED

    def hurry(self) -> None:
        """Cut the present stop short: SIGKILL now."""
        if self._process is not None:
            self._process.hurry()

    def _run(self) -> Process:
        """Start one process and wait until it answers a ping. Raises NotReady."""
        process = Process(self.server.command(self.port), self._log, self._hold)
        process.start()
        deadline = time.monotonic() + START_SECONDS
        complaint: Exception | None = None
        while process.running and not self._stopping.is_set() and time.monotonic() < deadline:
            try:
                # Somebody else may answer on a port that our process did not get.
                if listens(process.pid, self.port):
                    self.ping(self.url)
                    return process
            except Exception as error:
                complaint = error
            self._stopping.wait(POLL_SECONDS)
        code = process.stop()
        raise NotReady(f"It ended with code {code}; last answer: {complaint!r}. {self._log} ends:\n{process.tail()}")

    def _watch(self) -> None:
        """Wait for the process to end; start it again, each time later, or report the loss."""
        pause = RESTART_FIRST_SECONDS
        while self._process is not None:
            began = time.monotonic()
            code = self._process.wait()
            if self._stopping.is_set():
                return
            if not self.server.keeps_state:
                self.state = State.LOST
                self._on_loss(self._last_words(code))
                return
            log.warning("part died, starting it again", part=self.server.name, code=code, log=str(self._log))
            self.state = State.RESTARTING
            if time.monotonic() - began > STEADY_SECONDS:
                pause = RESTART_FIRST_SECONDS
            pause = self._restart(pause)

    def _restart(self, pause: float) -> float:
        """Try until the part answers again or is no longer wanted; return the next pause."""
        while not self._stopping.wait(pause):
            pause = min(pause * 2, RESTART_LONGEST_SECONDS)
            try:
                self.server.prepare()
                self._process = self._run()
            except (NotReady, ConfigurationError, OSError) as error:
                log.error("part does not start", part=self.server.name, error=str(error))
                continue
            self.restarts += 1
            self.state = State.UP
            log.info("part is up again", part=self.server.name, restarts=self.restarts)
            break
        return pause

    def _last_words(self, code: int) -> str:
        tail = self._process.tail() if self._process else ""
        return (
            f"The {self.server.name} died (exit code {code}) and with it everything it held in memory, so a restart "
            f"would lose records silently. Start again with `millrace up`. {self._log} ends:\n{tail}"
        )
