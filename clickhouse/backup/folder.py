"""The files of a backup, listed with their hashes, and held against that list."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

from clickhouse.backup.manifest import NAME, File, Manifest
from streams.errors import ConfigurationError

Told = Callable[[str], None]
CLICKHOUSE = "clickhouse"
"""The folder of a backup that ClickHouse writes."""


def listed(folder: Path) -> list[File]:
    """Every file below the folder of one backup. Raises ConfigurationError where one cannot be read."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != NAME)
    return [File(path.relative_to(folder).as_posix(), *_digest(path)) for path in paths]


def faults(folder: Path, manifests: Sequence[Manifest], told: Told) -> list[str]:
    """Reads every file of these backups; what is missing, or is not what the manifest says. Empty if all is well."""
    found = []
    for manifest in manifests:
        for number, file in enumerate(manifest.files):
            told(f"{manifest.id}: {number} of {len(manifest.files)} files read")
            path = folder / manifest.id / file.path
            if not path.is_file():
                found.append(f"{path} is missing")
                continue
            size, digest = _digest(path)
            if (size, digest) != (file.bytes, file.sha256):
                found.append(
                    f"{path} has {size} bytes with SHA-256 {digest[:16]}..., the manifest says {file.bytes} with "
                    f"{file.sha256[:16]}..."
                )
    return found


def _digest(path: Path) -> tuple[int, str]:
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256")
            return file.tell(), digest.hexdigest()
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be read: {error.strerror}; run this as ClickHouse's user, or as one of its group"
        ) from error
