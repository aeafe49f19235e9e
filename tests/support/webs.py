"""Whole web processes for tests: `millrace web`, which a test can kill and start again on its port."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.local.process import Command, Process, free_port
from deploy.local.web import ping
from deploy.local.worker import page
from streams.settings import Settings
from tests.support.waiting import until
from tests.support.workers import environment


class WebProcess:
    """One web process."""

    def __init__(self, settings: Settings, log: Path) -> None:
        self._port = free_port()
        own = {"API_HOST": "127.0.0.1", "API_PORT": str(self._port), "LOG_LEVEL": "warning"}
        self._command = Command((sys.executable, "-m", "streams.cli", "web"), env=environment(settings) | own, grace=15)
        self._log = log
        self._process: Process | None = None
        self.url = f"http://127.0.0.1:{self._port}"

    @property
    def pid(self) -> int:
        """The present process."""
        return self._process.pid if self._process else 0

    def start(self) -> None:
        """Start it; returns when it takes events."""
        self._process = Process(self._command, self._log)
        self._process.start()
        until("the web process to take events", self._takes_events, 60)

    def kill(self) -> None:
        """kill -9."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGKILL)
        self._process.wait(10)

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        return self._process.stop() if self._process is not None else 0

    def _takes_events(self) -> bool:
        assert self._process is not None
        assert self._process.running, self._process.tail(40)
        try:
            ping(self.url)
            return b'"ingestion":"ok"' in page(self.url, "health")[1]
        except OSError:
            return False


@contextmanager
def web_process(settings: Settings, log: Path) -> Iterator[WebProcess]:
    """A web process that runs and takes events."""
    made = WebProcess(settings, log)
    made.start()
    try:
        yield made
    finally:
        made.stop()
