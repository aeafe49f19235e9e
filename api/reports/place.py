"""Where reports are written: a folder of this machine, or an object store."""

import os
import tempfile
from pathlib import Path
from typing import Final

from clickhouse.archive.store import Store
from streams.errors import ConfigurationError, SinkUnavailable
from streams.settings import Settings

SETTING: Final = "REPORT_DIR"
_OBJECTS: Final = "s3://"


class Place:
    """Where the reports of an installation are."""

    def __init__(self, settings: Settings) -> None:
        """Nothing is opened yet. Raises ConfigurationError for an address that is none."""
        self._url = settings.report_dir or str(settings.millrace_home / "reports")
        if "://" in self._url and not self._url.startswith(_OBJECTS):
            raise ConfigurationError(f"{SETTING}={self._url}: give a folder or s3://bucket/prefix")

    def put(self, name: str, body: bytes) -> str:
        """Write a whole file under its name; tells where it is; blocks. Raises ConfigurationError, SinkUnavailable."""
        if self._url.startswith(_OBJECTS):
            store = Store(self._url, SETTING)
            store.write(name, body)
            return f"{store.url}/{name}"
        try:
            written(Path(self._url), name, body)
        except OSError as error:
            raise SinkUnavailable(f"{SETTING}={self._url} cannot be written: {error}") from error
        return str(Path(self._url) / name)


def written(folder: Path, name: str, body: bytes) -> None:
    """Write a whole file under its name, which nobody else may read. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, part = tempfile.mkstemp(dir=folder, prefix=f"{name}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, folder / name)
    except BaseException:
        os.unlink(part)
        raise
