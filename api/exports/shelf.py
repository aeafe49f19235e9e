"""Where files lie that jobs have made: a folder that web processes and scheduler share, or an object store.

A file is written as a part into a folder of the maker's own machine, and has its name once it is whole. Files of
exports are told from others by how their names begin; others are let alone. Everything here blocks.
"""

import os
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import BinaryIO, Final, cast

from clickhouse.archive.store import Store
from streams.addresses import OBJECTS
from streams.settings import Settings

SETTING: Final = "EXPORT_DIR"
NAME: Final = "export-"
"""How names of files begin."""
PART: Final = ".part"
PIECE: Final = 1 << 18
"""Bytes of an object that are read at a time."""


class Folder:
    """Files in a folder."""

    def __init__(self, folder: Path) -> None:
        """`folder`: it is made once it is needed."""
        self.folder = folder

    def draft(self, name: str) -> BinaryIO:
        """A new part, which nobody else may read."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return cast(BinaryIO, open(self._part(name), "xb", opener=lambda path, flags: os.open(path, flags, 0o600)))

    def give_name(self, name: str, file: BinaryIO) -> None:
        """Give a whole part its name, once it is on disk."""
        file.flush()
        os.fsync(file.fileno())
        os.replace(self._part(name), self.folder / name)

    def drop_draft(self, name: str) -> None:
        """Remove a part, if there still is one."""
        self._part(name).unlink(missing_ok=True)

    def size(self, name: str) -> int | None:
        """Bytes of a file; None if it is not there."""
        path = self.folder / name
        return path.stat().st_size if path.is_file() else None

    def remove(self, name: str) -> None:
        """Remove a file; nothing if it is not there."""
        (self.folder / name).unlink(missing_ok=True)

    def remove_all_but(self, kept: Collection[str]) -> int:
        """Remove files and parts of exports that are not these; returns how many."""
        gone = [each for each in self.folder.glob(f"{NAME}*") if each.name not in kept]
        for each in gone:
            each.unlink(missing_ok=True)
        return len(gone)

    def _part(self, name: str) -> Path:
        return self.folder / f"{name}{PART}"


class Bucket(Folder):
    """Objects, whose parts lie in a folder until they are whole. Methods about files raise SinkUnavailable."""

    def __init__(self, url: str, folder: Path) -> None:
        """`url`: `s3://bucket/prefix`, as for reports. Raises ConfigurationError."""
        super().__init__(folder)
        self._store = Store(url, SETTING)

    def give_name(self, name: str, file: BinaryIO) -> None:
        """Send a whole part, of which an object of this name is made once all of it has come."""
        file.flush()
        self._store.send(str(self._part(name)), name)

    def size(self, name: str) -> int | None:
        """Bytes of an object; None if it is not there."""
        return self._store.size(name)

    def remove(self, name: str) -> None:
        """Remove an object; nothing if it is not there."""
        self._store.delete(name)

    def remove_all_but(self, kept: Collection[str]) -> int:
        """Remove objects of exports that are not these, and all parts that makers have left; returns how many."""
        parts = super().remove_all_but(())
        gone = [name for name in self._store.files("") if name.startswith(NAME) and name not in kept]
        for name in gone:
            self._store.delete(name)
        return parts + len(gone)

    def pieces(self, name: str, begin: int, end: int) -> Iterator[bytes]:
        """The bytes of an object from `begin` up to `end`."""
        with self._store.input(name) as file:
            file.seek(begin)
            while begin < end and (piece := file.read(min(PIECE, end - begin))):
                begin += len(piece)
                yield bytes(piece)


def shelf_of(settings: Settings) -> Folder:
    """Where they lie by these settings. Raises ConfigurationError."""
    own = settings.millrace_home / "exports"
    place = settings.export_dir
    if place is None or not place.startswith(OBJECTS):
        return Folder(Path(place) if place else own)
    return Bucket(place, own / "parts")
