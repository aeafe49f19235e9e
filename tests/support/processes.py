"""What is running, and what a dead process left behind."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from tests.support.waiting import PAUSE

STAYS_SECONDS = 20.0
"""A file that is nobody's for so long was left for good."""


def alive(pids: list[int]) -> list[int]:
    """Those of the processes that still run (a zombie does not)."""
    running = []
    for pid in pids:
        try:
            if psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                running.append(pid)
        except psutil.NoSuchProcess:
            continue
    return running


def tree(pid: int) -> list[int]:
    """A process and everything below it."""
    return [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]


def on_tmpfs() -> set[str]:
    """The files of /dev/shm."""
    return {str(path) for path in Path("/dev/shm").rglob("*")}


def nothing_abandoned(before: set[str]) -> None:
    """Fail if /dev/shm holds a file that was not there before and that no living process has: a dead one left it.

    Tests run side by side, so there are always files of others that come and go: what was left stays.
    """
    left = _abandoned(before)
    began = time.monotonic()
    while left:
        assert time.monotonic() < began + STAYS_SECONDS, f"left on tmpfs: {', '.join(sorted(left))}"
        PAUSE.wait(0.2)
        left &= _abandoned(before)


def _abandoned(before: set[str]) -> set[str]:
    new = on_tmpfs() - before
    held = "\n".join(_held()) if new else ""
    return {path for path in new if path not in held and Path(path).exists()}


def _held() -> Iterator[str]:
    """What living processes have mapped or open."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            yield (process / "maps").read_text()
            yield from (os.readlink(number) for number in (process / "fd").iterdir())
        except OSError:  # it has just ended, or is another user's
            continue


def shared_memory_of(pids: list[int]) -> list[int]:
    """System V segments that one of these processes created."""
    lines = Path("/proc/sysvipc/shm").read_text().splitlines()[1:]
    return [int(line.split()[1]) for line in lines if int(line.split()[4]) in pids]
