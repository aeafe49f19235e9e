"""Whole workers for tests: `faust -A streams worker` processes that a test can kill, pause, read and start again.

Those of a `Crew` are forked from a process that has everything loaded, unless a test wants the whole command.
"""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest
from pydantic import SecretStr

from deploy.local import worker
from deploy.local.process import Command, Process, free_port
from streams.settings import Settings
from tests.support.forked import Forked
from tests.support.waiting import until

START_SECONDS = 90.0
WORDS = ("faust", "-A", "streams", "worker", "-l", "info")
ARGV = (sys.executable, "-m", *WORDS)


def environment(settings: Settings) -> dict[str, str]:
    """Every setting that does not have its default, as the environment of a process."""
    found: dict[str, str] = {}
    for name, field in Settings.model_fields.items():
        value = getattr(settings, name)
        if value is not None and value != field.default:
            found[name.upper()] = str(value.get_secret_value() if isinstance(value, SecretStr) else value)
    return found


class Worker:
    """One worker; after its end it can be started again, as another process on another port."""

    def __init__(self, settings: Settings, log: Path, *, forked: bool = False, **more: str) -> None:
        """`more`: further environment variables."""
        self._env = environment(settings) | more
        self._grace = settings.worker_stop_seconds + 20
        self._forked = forked
        self._process: Process | Forked | None = None
        self.log = log
        self.url = ""

    @property
    def pid(self) -> int:
        """The present process."""
        return self._process.pid if self._process else 0

    @property
    def running(self) -> bool:
        """Whether the process has not ended."""
        return self._process is not None and self._process.running

    @property
    def memory(self) -> int:
        """Resident bytes."""
        return int(psutil.Process(self.pid).memory_info().rss)

    @property
    def shards(self) -> dict[int, str]:
        """State of each shard assigned to this worker; empty where it does not answer."""
        return {int(number): state for number, state in worker.shards(self.url).items()}

    def start(self, cwd: Path | None = None, /, **more: str) -> "Worker":
        """Start the process; does not wait for anything. `more`: environment variables of this process alone.

        `cwd`: the folder that it runs in; if the product is there too, it runs as that one.
        """
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        env = self._env | {"WORKER_PORT": str(port)} | more
        if self._forked and cwd is None:
            self._process = Forked(WORDS, env, self.log, grace=self._grace)
        else:
            self._process = Process(Command(ARGV, env=env, grace=self._grace, cwd=cwd), self.log)
        self._process.start()
        return self

    def wait_ready(self, shards: int = 1) -> "Worker":
        """Wait until it has at least so many shards, and all of them run."""

        def ready() -> bool:
            assert self.running, f"the worker has ended:\n{self.tail()}"
            return worker.is_ready(self.url) and len(self.shards) >= shards

        try:
            until(f"{shards} shards of {self.url} run", ready, START_SECONDS)
        except AssertionError as error:
            raise AssertionError(f"{error}; it has {self.shards}, and its log ends:\n{self.tail()}") from None
        return self

    def metric(self, name: str, **labels: str) -> float:
        """Sum of the series of a metric that have these labels."""
        series = [sample for family in worker.families(self.url) for sample in family.samples]
        return float(sum(s.value for s in series if s.name == name and labels.items() <= s.labels.items()))

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        return self._process.stop() if self._process else 0

    def kill(self) -> None:
        """SIGKILL; returns when the process is gone."""
        self.signal(signal.SIGKILL)
        self.wait()

    def pause(self) -> None:
        """SIGSTOP."""
        self.signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        self.signal(signal.SIGCONT)

    def signal(self, number: signal.Signals) -> None:
        """Send the process a signal."""
        os.kill(self.pid, number)

    def wait(self, seconds: float = 60) -> int:
        """Wait for the end by itself; the exit code, 128 + n after signal n."""
        assert self._process is not None
        code = self._process.wait(seconds)
        return code if code >= 0 else 128 - code

    def tail(self, lines: int = 40) -> str:
        """The end of its log."""
        return self._process.tail(lines) if self._process else ""


class Crew:
    """The workers of a test; all are gone at its end."""

    def __init__(self, logs: Path, *, forked: bool = False) -> None:
        self._logs = logs
        self._forked = forked
        self.workers: list[Worker] = []

    def start(self, settings: Settings, *, whole: bool = False, **more: str) -> Worker:
        """Start one more worker; see Worker. `whole`: by the command, as a user does."""
        log = self._logs / f"worker-{len(self.workers) + 1}.log"
        made = Worker(settings, log, forked=self._forked and not whole, **more)
        self.workers.append(made)
        return made.start()

    def stop(self) -> list[int]:
        """Stop all that run, in order; their exit codes."""
        return [made.stop() for made in self.workers if made.running]


@contextmanager
def crew(logs: Path, *, forked: bool = False) -> Iterator[Crew]:
    """No worker yet."""
    made = Crew(logs, forked=forked)
    try:
        yield made
    finally:
        for each in made.workers:
            if each.running:
                each.kill()


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[Crew]:
    """Starts workers; see Crew."""
    with crew(tmp_path / "workers", forked=True) as made:
        yield made


class Refused(NamedTuple):
    """How a worker that refused to start ended, and what it said."""

    code: int
    said: str


def checked(settings: Settings, cwd: Path, **more: str) -> Refused:
    """Run a worker that is expected to refuse to start, to its end."""
    log = cwd.with_name(f"{cwd.name}.log")
    process = Forked(WORDS, environment(settings) | more, log, cwd=cwd)
    process.start()
    try:
        code = process.wait(START_SECONDS)
    except TimeoutError:
        process.stop()
        raise
    return Refused(code, log.read_text())
