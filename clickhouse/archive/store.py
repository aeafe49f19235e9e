"""Where the files of the archive lie, or reports and exports: a folder, or an object store that speaks S3."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pyarrow import ArrowInvalid, fs

from streams.errors import ConfigurationError, SinkUnavailable
from streams.settings import Settings

CHUNK = 1 << 20
_SCHEMES = ("file", "s3")


class Store:
    """Reads and writes files by their path below a root. Every method raises SinkUnavailable.

    An object appears under its name once it is whole, so it needs no draft, and no folder.
    """

    def __init__(self, url: str, setting: str = "ARCHIVE_URL") -> None:
        """`url`: a folder, `file://` or `s3://bucket/prefix?region=...`, as the setting has it; the bucket must exist.

        Raises ConfigurationError.
        """
        parts = urlsplit(url)
        if parts.scheme and parts.scheme not in _SCHEMES:
            raise ConfigurationError(f"{setting}={url}: give a folder, file:///folder or s3://bucket/prefix")
        if "@" in parts.netloc:
            raise ConfigurationError(
                f"{setting} has a key in its address, which would be shown in messages; give it as AWS_ACCESS_KEY_ID "
                "and AWS_SECRET_ACCESS_KEY"
            )
        try:
            if parts.scheme:
                self._fs, self._root = fs.FileSystem.from_uri(url)
            else:
                self._fs, self._root = fs.LocalFileSystem(), str(Path(url).absolute())
        except (ArrowInvalid, OSError, ValueError) as error:
            raise ConfigurationError(f"{setting}={url} cannot be used: {error}") from error
        self.url = url.partition("?")[0].rstrip("/")
        """The address as people know it, without what says how it is reached."""
        self._setting = setting
        self._is_local = isinstance(self._fs, fs.LocalFileSystem)

    def files(self, folder: str) -> Iterator[str]:
        """The paths of all files below a folder, in order."""
        with self._told():
            selector = fs.FileSelector(self._path(folder), recursive=True, allow_not_found=True)
            found = [info.path for info in self._fs.get_file_info(selector) if info.type == fs.FileType.File]
        yield from sorted(path.removeprefix(self._root).lstrip("/") for path in found)

    def output(self, path: str) -> Any:
        """A stream that makes or replaces a file, to be closed by the caller; see `settle`."""
        with self._told():
            if self._is_local:
                self._fs.create_dir(self._path(path.rpartition("/")[0]), recursive=True)
            return self._fs.open_output_stream(self._path(path))

    def input(self, path: str) -> Any:
        """A file to read from, to be closed by the caller."""
        with self._told():
            return self._fs.open_input_file(self._path(path))

    def read(self, path: str) -> bytes:
        """All bytes of a file."""
        with self._told(), self.input(path) as file:
            return bytes(file.read())

    def write(self, path: str, data: bytes) -> None:
        """Make or replace a file: whole or not at all."""
        if not self._is_local:
            with self._told(), self.output(path) as file:
                file.write(data)
            return
        draft = f"{path}.draft"
        with self._told():
            with self.output(draft) as file:
                file.write(data)
            self.settle(draft)
            self._fs.move(self._path(draft), self._path(path))
            self.settle(path)

    def send(self, file: str, path: str) -> None:
        """Copy a file of this machine, however large."""
        with self._told(), open(file, "rb") as source, self.output(path) as target:
            while data := source.read(CHUNK):
                target.write(data)

    def settle(self, path: str) -> None:
        """Return only when a closed file, and its name in a folder, survive the loss of power. Objects always do."""
        if self._is_local:
            for each in (self._path(path), os.path.dirname(self._path(path))):
                handle = os.open(each, os.O_RDONLY)
                try:
                    os.fsync(handle)
                finally:
                    os.close(handle)

    def size(self, path: str) -> int | None:
        """Bytes of a file; None if it is not there."""
        with self._told():
            found = self._fs.get_file_info(self._path(path))
        return int(found.size) if found.type == fs.FileType.File else None

    def delete(self, path: str) -> None:
        """Remove a file; nothing if it is not there."""
        if self.size(path) is not None:
            with self._told():
                self._fs.delete_file(self._path(path))

    def remove(self, folder: str) -> None:
        """Remove a folder with all that is in it; nothing if it is not there."""
        with self._told():
            if self._fs.get_file_info(self._path(folder)).type == fs.FileType.Directory:
                self._fs.delete_dir(self._path(folder))

    def digest(self, path: str) -> tuple[int, str]:
        """Bytes of a file, and their SHA-256, read anew."""
        size, digest = 0, hashlib.sha256()
        with self._told(), self.input(path) as file:
            while data := file.read(CHUNK):
                size += len(data)
                digest.update(data)
        return size, digest.hexdigest()

    def _path(self, path: str) -> str:
        return f"{self._root}/{path}".rstrip("/")

    def _told(self) -> "_Told":
        return _Told(self._setting, self.url)


class _Told:
    """Turns an error of the file system into one that says what to do."""

    def __init__(self, setting: str, url: str) -> None:
        self._setting, self._url = setting, url

    def __enter__(self) -> None: ...

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, OSError):
            raise SinkUnavailable(f"{self._setting}: {self._url} cannot be read or written: {error}") from error


def opened(settings: Settings) -> Store:
    """The archive that the settings name. Raises ConfigurationError if they name none."""
    if not settings.archive_url:
        raise ConfigurationError(
            "ARCHIVE_URL is not set, so there is no archive; set it to a folder or to s3://bucket/prefix, then run "
            "`millrace retention apply`, so that no TTL drops rows before they are archived"
        )
    return Store(settings.archive_url)
