"""Producers for tests: `millrace load` and `millrace replay` as processes, and what they say they sent."""

import json
import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from streams.settings import Settings
from tests.support.forked import Forked
from tests.support.workers import environment


class Producer:
    """A producer that runs."""

    def __init__(self, settings: Settings, words: tuple[str, ...]) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._out, self._err = (Path(self._folder.name, name) for name in ("out", "err"))
        self._process = Forked(("millrace", *words), environment(settings), self._out, self._err)
        self._process.start()

    @property
    def running(self) -> bool:
        """Whether it still sends."""
        return self._process.running

    def truth(self, seconds: float = 280) -> dict[str, Any]:
        """Wait for its end; what was sent, of which every record must be acknowledged."""
        assert self._process.wait(seconds) == 0, self._err.read_text()[-4000:]
        (line,) = self._out.read_text().splitlines()
        truth: dict[str, Any] = json.loads(line)
        assert truth["unacknowledged"] == 0
        return truth

    def stop(self) -> dict[str, Any]:
        """Let it send no more; what was sent until now."""
        os.kill(self._process.pid, signal.SIGINT)
        return self.truth()

    def end(self) -> None:
        """Kill it if it runs."""
        if self.running:
            os.kill(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._folder.cleanup()


@contextmanager
def sending(settings: Settings, *words: str) -> Iterator[Producer]:
    """A producer beside the test, as `sending(settings, "load", "--rate", "500")`."""
    made = Producer(settings, words)
    try:
        yield made
    finally:
        made.end()


def send(settings: Settings, *words: str) -> dict[str, Any]:
    """Run a producer to its end; what was sent."""
    with sending(settings, *words) as made:
        return made.truth()
