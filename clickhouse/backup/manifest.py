"""What a backup holds: one JSON file beside it, written last, so that a backup that was not finished does not count."""

import re
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from streams.errors import ConfigurationError
from streams.settings import Settings

FORMAT = 1
NAME = "manifest.json"
STAMP = "%Y%m%dT%H%M%SZ"
_ID = re.compile(r"\d{8}T\d{6}Z")


class File(msgspec.Struct, frozen=True):
    """One file of a backup."""

    path: str
    """Below the folder of the backup."""
    bytes: int
    sha256: str


class Table(msgspec.Struct, frozen=True):
    """One table or view of ClickHouse."""

    name: str
    engine: str
    rows: int = 0
    bytes: int = 0
    """On disk; a backup that is based on another one takes less."""
    parts: str = ""
    """A hash over the hashes of all parts; empty where there are none."""


class ClickHouse(msgspec.Struct, frozen=True):
    """The part of a backup that ClickHouse wrote."""

    database: str
    server: str
    """Version of the server."""
    hold: str
    """The hold that is in force in the copy."""
    held_seconds: float
    """How long the shards were held."""
    shards: dict[str, int]
    """Per shard the seq of the empty intent that closed it: all up to there is in the backup, and nothing beyond."""
    tables: list[Table]

    @property
    def rows(self) -> int:
        """Of all tables."""
        return sum(table.rows for table in self.tables)


class Copy(msgspec.Struct, frozen=True):
    """One table of PostgreSQL."""

    name: str
    columns: list[str]
    rows: int
    path: str
    """Below the folder of the backup."""


class Postgres(msgspec.Struct, frozen=True):
    """The part of a backup that comes from the metadata database."""

    revision: str
    """The last migration that it had."""
    tables: list[Copy]


class Manifest(msgspec.Struct, frozen=True):
    """One backup."""

    id: str
    """When it was begun, in UTC, as 20260131T235959Z."""
    version: str
    """Of the product."""
    seconds: float
    """From the command to the last byte."""
    files: list[File]
    base: str | None = None
    """The backup that has the files which did not change since."""
    clickhouse: ClickHouse | None = None
    postgres: Postgres | None = None
    format: int = FORMAT

    @property
    def bytes(self) -> int:
        """Of its own files."""
        return sum(file.bytes for file in self.files)

    @property
    def at(self) -> datetime:
        """When it was begun."""
        return datetime.strptime(self.id, STAMP).replace(tzinfo=UTC)


def now() -> str:
    """The id of a backup that is begun now."""
    return datetime.now(UTC).strftime(STAMP)


def opened(settings: Settings) -> Path:
    """The folder of all backups. Raises ConfigurationError if none is named."""
    if not settings.backup_folder:
        raise ConfigurationError(
            "BACKUP_FOLDER is not set; set it to a folder that ClickHouse's server and this command both reach under "
            "that name, and let the server write there (<backups><allowed_path>)"
        )
    return Path(settings.backup_folder).absolute()


def save(folder: Path, manifest: Manifest) -> None:
    """Let the backup count: whole or not at all."""
    draft = folder / manifest.id / f"{NAME}.draft"
    draft.write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=1))
    draft.rename(folder / manifest.id / NAME)


def all_of(folder: Path) -> list[Manifest]:
    """Every backup that counts, oldest first. Raises ConfigurationError for one that cannot be read."""
    if not folder.is_dir():
        return []
    return [_read(path) for path in sorted(folder.glob(f"*/{NAME}")) if _ID.fullmatch(path.parent.name)]


def find(folder: Path, wanted: str | None) -> Manifest:
    """The backup of this id; without one, the newest. Raises ConfigurationError if there is none."""
    found = all_of(folder)
    if wanted is None and found:
        return found[-1]
    for each in found:
        if each.id == wanted:
            return each
    there = ", ".join(each.id for each in found[-5:]) or "none"
    raise ConfigurationError(f"{folder} has no backup {wanted or ''}; the newest there: {there}".replace("  ", " "))


def with_bases(found: Sequence[Manifest], manifest: Manifest) -> list[Manifest]:
    """The backup and all that it is based on, newest first. Raises ConfigurationError if one of them is gone."""
    by_id = {each.id: each for each in found}
    line = [manifest]
    while (base := line[-1].base) is not None:
        if base not in by_id:
            raise ConfigurationError(f"backup {manifest.id} is of no use without {base}, which is gone; bring it back")
        line.append(by_id[base])
    return line


def prune(folder: Path, keep: int) -> list[str]:
    """Remove all but the newest backups, and what those are based on; also what was never finished. Returns the ids."""
    found = all_of(folder)
    kept = {each.id for newest in found[-keep:] for each in with_bases(found, newest)}
    newest_id = found[-1].id if found else ""
    gone = []
    for path in sorted(folder.iterdir()):
        # A folder without a manifest that is newer than every backup may be one that is being written.
        if _ID.fullmatch(path.name) and path.name not in kept and path.name < newest_id:
            shutil.rmtree(path)
            gone.append(path.name)
    return gone


def _read(path: Path) -> Manifest:
    try:
        manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} is no manifest: {error}; bring it back from a copy, or remove it") from error
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}; run this as a user who may") from error
    if manifest.format > FORMAT:
        raise ConfigurationError(f"{path} has format {manifest.format}, this version knows {FORMAT}; upgrade first")
    return manifest
