"""What is running, and what a dead process left behind."""

from pathlib import Path

import psutil


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


def shared_memory_of(pids: list[int]) -> list[int]:
    """System V segments that one of these processes created."""
    lines = Path("/proc/sysvipc/shm").read_text().splitlines()[1:]
    return [int(line.split()[1]) for line in lines if int(line.split()[4]) in pids]
