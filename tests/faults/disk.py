"""A file system for ClickHouse's data whose size a fault sets; it lies in memory, and takes the right to mount."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SIZE = 4 << 30
"""Bytes that it may take; it takes what is in it."""


@contextmanager
def mounted(folder: Path) -> Iterator[None]:
    """Mount it there, empty. Raises CalledProcessError without the right to."""
    folder.mkdir(parents=True, mode=0o700)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=700", "tmpfs", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def leave(folder: Path, room: int) -> None:
    """Leave so many bytes free, in steps of a page."""
    held = os.statvfs(folder)
    _resize(folder, (held.f_blocks - held.f_bfree) * held.f_frsize + room)


def enlarge(folder: Path) -> None:
    """Make it as large as it was."""
    _resize(folder, SIZE)


def _resize(folder: Path, size: int) -> None:
    subprocess.run(["mount", "-o", f"remount,size={size}", folder], check=True)
