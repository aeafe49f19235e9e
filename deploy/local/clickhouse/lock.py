"""One process a data folder: a lock file that names its holder."""

import fcntl
import os
from pathlib import Path

from streams.errors import ConfigurationError


class FolderLock:
    """Holds a data folder for this process. The kernel lets go of it when the process ends, however it ends."""

    def __init__(self, folder: Path) -> None:
        """Take the lock; raises ConfigurationError if another process has it."""
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / "server.lock"
        self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._fd, 20, 0).decode().strip() or "unknown"
            os.close(self._fd)
            raise ConfigurationError(
                f"The data folder {folder} is in use by the ClickHouse server with process id {holder}. "
                "Stop that process, or give this one another folder with --path."
            ) from None
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let go of the folder."""
        os.ftruncate(self._fd, 0)
        os.close(self._fd)
