"""Producers for tests: `millrace load` and `millrace replay` as processes, and what they say they sent."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from streams.settings import Settings
from tests.support.workers import environment


class Producer:
    """A producer that runs."""

    def __init__(self, settings: Settings, words: tuple[str, ...]) -> None:
        command = [sys.executable, "-m", "streams.cli", *words]
        env = {**os.environ, **environment(settings)}
        # Not a pipe: nobody reads it while the broker is away, and what is written then would fill it.
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115  # closed by `end`
        self._process = subprocess.Popen(
            command, env=env, text=True, stdout=subprocess.PIPE, stderr=self._log, stdin=subprocess.DEVNULL
        )

    @property
    def running(self) -> bool:
        """Whether it still sends."""
        return self._process.poll() is None

    def truth(self, seconds: float = 280) -> dict[str, Any]:
        """Wait for its end; what was sent, of which every record must be acknowledged."""
        out, _ = self._process.communicate(timeout=seconds)
        self._log.seek(0)
        assert self._process.returncode == 0, self._log.read()[-4000:]
        (line,) = out.splitlines()
        truth: dict[str, Any] = json.loads(line)
        assert truth["unacknowledged"] == 0
        return truth

    def stop(self) -> dict[str, Any]:
        """Let it send no more; what was sent until now."""
        self._process.send_signal(signal.SIGINT)
        return self.truth()

    def end(self) -> None:
        """Kill it if it runs."""
        if self.running:
            self._process.kill()
            self._process.communicate()
        self._log.close()


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
