"""Processes forked from one that has everything loaded, which takes two seconds of a core in a new one."""

import ctypes
import importlib
import multiprocessing
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["tests.support.loaded"])
PR_SET_PDEATHSIG = 1


def play(
    argv: Sequence[str],
    env: Mapping[str, str],
    out: Path,
    err: Path | None,
    cwd: Path | None = None,
    constants: Mapping[str, object] | None = None,
) -> None:
    """Be `faust ...` or `millrace ...` in this process, which dies with the one that it was forked from.

    `env` is the whole environment; without `err` both outputs go to `out`. `constants` are other values for constants
    of the code, by their full names.
    """
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    os.dup2(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_APPEND), 1)
    os.dup2(1 if err is None else os.open(err, os.O_WRONLY | os.O_CREAT | os.O_APPEND), 2)
    os.environ.clear()
    os.environ.update(env)
    if cwd is not None:
        os.chdir(cwd)
    for place, value in (constants or {}).items():
        module, _, name = place.rpartition(".")
        assert hasattr(importlib.import_module(module), name)
        setattr(importlib.import_module(module), name, value)
    sys.argv = list(argv)
    if argv[0] == "faust":
        from faust.cli.faust import cli

        cli()
    else:
        from streams.cli import main

        main()


class Forked:
    """A process that does what `argv` does as a program; used as `deploy.local.process.Process` is."""

    def __init__(
        self,
        argv: Sequence[str],
        env: Mapping[str, str],
        out: Path,
        err: Path | None = None,
        cwd: Path | None = None,
        grace: float = 10,
        constants: Mapping[str, object] | None = None,
    ) -> None:
        """See `play`; `env` is added to this process's. `grace`: seconds between SIGTERM and SIGKILL."""
        out.parent.mkdir(parents=True, exist_ok=True)
        given = (tuple(argv), {**os.environ, **env}, out, err, cwd, constants)
        self._process = FORKS.Process(target=play, args=given, daemon=True)
        self._grace = grace
        self._log = err or out

    def start(self) -> None:
        """Start it; returns as soon as there is a process id."""
        self._process.start()

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid or 0

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.is_alive()

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end and return the exit code, -n after signal n. Raises TimeoutError."""
        self._process.join(timeout)
        code = self._process.exitcode
        if code is None:
            raise TimeoutError(f"process {self.pid} still runs after {timeout} s")
        return code

    def stop(self) -> int:
        """Ask it to end, kill it after its grace, and return the exit code."""
        self._process.terminate()
        try:
            return self.wait(self._grace)
        except TimeoutError:
            self._process.kill()
            return self.wait()

    def tail(self, lines: int = 8) -> str:
        """The last lines of what it wrote."""
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-lines:]) if self._log.exists() else ""
