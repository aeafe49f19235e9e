"""One guarded process of this machine: started with a lifeline, logged to a file, gone when its starter is gone."""

import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from streams import guard

LOG_LIMIT = 32 << 20
# Below Linux's range for outgoing connections: nobody's client takes a part's port while the part restarts.
PORTS = range(15000, 32000)


@dataclass(frozen=True)
class Command:
    """What to run and how to end it."""

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    """Added to this process's environment."""
    stop_signal: int = signal.SIGTERM
    grace: float = 10
    """Seconds between the stop signal and SIGKILL."""
    identity: Literal["same", "namespace", "nobody"] = "same"
    """Who the program runs as, where it refuses root; see the guard."""
    remove: tuple[Path, ...] = ()
    """Files and folders, such as those on tmpfs, that must not outlive the process, however it ends."""
    stdout: Path | None = None
    """Where standard output goes; None: into the log, with standard error."""
    cwd: Path | None = None
    """The folder that it runs in; None: this process's."""


class Process:
    """A command under guard. Start it once; make a new one to run it again."""

    def __init__(self, command: Command, log: Path, hold: tuple[int, ...] = ()) -> None:
        """`hold`: file descriptors that the guard keeps open until the process is gone, such as a lock."""
        self.command = command
        self.log = log
        self.hold = hold
        self._guard: subprocess.Popen[bytes] | None = None
        self._pid = 0
        self._closing = threading.Lock()

    def start(self) -> None:
        """Start the guard and the process; returns as soon as there is a process id."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if self.log.exists() and self.log.stat().st_size > LOG_LIMIT:
            self.log.replace(self.log.with_suffix(".1.log"))
        c = self.command
        options = [f"--signal={int(c.stop_signal)}", f"--grace={c.grace}", *(f"--remove={path}" for path in c.remove)]
        options += [f"--identity={c.identity}", *(f"--hold={number}" for number in self.hold)]
        options += [f"--stdout={c.stdout}"] if c.stdout else []
        with self.log.open("ab") as log:
            self._guard = subprocess.Popen(
                [sys.executable, "-I", "-S", guard.__file__, *options, "--", *c.argv],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env={**os.environ, **c.env},
                pass_fds=self.hold,
                cwd=c.cwd,
                start_new_session=True,
            )
        assert self._guard.stdout is not None
        with self._guard.stdout as line:
            self._pid = int(line.readline() or 0)

    @property
    def pid(self) -> int:
        """Process id of the part itself, not of its guard."""
        return self._pid

    @property
    def guard_pid(self) -> int:
        """Process id of the guard."""
        return self._guard.pid if self._guard else 0

    @property
    def running(self) -> bool:
        """Whether the process has not ended yet."""
        return self._guard is not None and self._guard.poll() is None

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end and return the exit code, 128 + n after signal n. Raises TimeoutError."""
        assert self._guard is not None
        try:
            code = self._guard.wait(timeout)
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"{self.command.argv[0]} still runs after {timeout} s") from None
        self._let_go()
        return code

    def stop(self) -> int:
        """Ask the process to end, kill it after its grace, and return the exit code. Safe to call twice."""
        if self._guard is None:
            return 0
        self._let_go()
        return self.wait()

    def until(self, answers: Callable[[], bool], seconds: float, name: str) -> None:
        """Wait until it answers; stopped if it does not. Raises TimeoutError with the end of its log."""
        pause, deadline = threading.Event(), time.monotonic() + seconds
        while self.running and time.monotonic() < deadline:
            if answers():
                return
            pause.wait(0.05)
        self.stop()
        raise TimeoutError(f"{name} does not start; {self.log} ends:\n{self.tail(30)}")

    def _let_go(self) -> None:
        """Close the lifeline; many threads may."""
        with self._closing:
            if self._guard is not None and self._guard.stdin is not None:
                self._guard.stdin.close()

    def hurry(self) -> None:
        """Kill the process now, without its grace."""
        if self._guard is not None and self.running:
            self._guard.send_signal(signal.SIGUSR1)

    def tail(self, lines: int = 8) -> str:
        """The last lines of the log, to be shown with an error."""
        if not self.log.exists():
            return ""
        with self.log.open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - 16384))
            return "\n".join(log.read().decode(errors="replace").splitlines()[-lines:])


def free_port(but: Collection[int] = ()) -> int:
    """A port nobody listens on now, `but` none of these.

    Another process may still take it first: whoever starts a part tries again.
    """
    others = [port for port in PORTS if port not in but]
    for port in random.sample(others, min(200, len(others))):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError(f"no free port among 200 tried between {PORTS.start} and {PORTS.stop}")
