"""Manifests: what one archived run of a day holds. A run without one is not there."""

import re
from collections.abc import Collection, Sequence
from datetime import datetime

import msgspec

from clickhouse.archive.rowhash import NOTHING, Content
from clickhouse.archive.store import Store
from streams.errors import ConfigurationError

FORMAT = 1
NAME = "manifest.json"
_RUN = re.compile(r"table=\w+/day=[\d-]+/run=\d+/")
_PATH = re.compile(r"table=(\w+)/day=(\d{4}-\d{2}-\d{2})/run=(\d+)/manifest\.json")


class File(msgspec.Struct, frozen=True):
    """One Parquet file."""

    name: str
    rows: int
    bytes: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """One run: rows of one day of one table that were written together."""

    format: int = FORMAT
    table: str
    day: str
    run: int
    replaces: list[int] = []
    """Runs whose rows this one holds as well, or whose rest it is after an erasure: they no longer count."""
    files: list[File]
    rows: int
    hash: str
    """Of the rows over `columns`; see clickhouse/archive/rowhash.py."""
    columns: list[str]
    types: list[str]
    """ClickHouse's, in the order of the columns."""
    min_time: datetime | None
    max_time: datetime | None
    """Of the column that makes the day."""
    written_at: datetime
    product: str
    """Version of Millrace."""
    clickhouse: str
    """Version of the server."""
    shards: list[int] | None = None
    """The Kafka shards whose rows it has; None where the table does not tell, or an older version wrote it."""
    erased: int = 0
    """Rows of persons that were taken out since; their ids are nowhere."""

    @property
    def folder(self) -> str:
        """Where the files are."""
        return folder(self.table, self.day, self.run)

    @property
    def content(self) -> Content:
        """Rows and hash."""
        return Content(self.rows, self.hash)

    @property
    def bytes(self) -> int:
        """Of all files."""
        return sum(file.bytes for file in self.files)


def folder(table: str, day: str, run: int | None = None) -> str:
    """The folder of a day, or of one run of it."""
    return f"table={table}/day={day}" + ("" if run is None else f"/run={run}")


def save(store: Store, manifest: Manifest) -> None:
    """Write a manifest, which makes its run count, and those that it replaces no longer."""
    text = msgspec.json.format(msgspec.json.encode(manifest), indent=2)
    store.write(f"{manifest.folder}/{NAME}", text)


def manifests(store: Store, table: str = "", day: str = "") -> list[Manifest]:
    """The runs that count, by table, day and number. Raises ConfigurationError for one that cannot be read."""
    found = [_read(store, path) for path in store.files(_within(table, day)) if _PATH.search(path)]
    replaced = _replaced(found)
    counted = [each for each in found if each.folder not in replaced]
    return sorted(counted, key=lambda each: (each.table, each.day, each.run))


def load(store: Store, table: str, day: str, run: int) -> Manifest:
    """One manifest, as it stands there. Raises ConfigurationError, SinkUnavailable."""
    return _read(store, f"{folder(table, day, run)}/{NAME}")


def clean(store: Store, known: Collection[str], table: str = "", day: str = "") -> None:
    """Remove what a killed process left: runs that were replaced, and files that no manifest was written for.

    `known`: folders of runs that once had a manifest. Raises ConfigurationError for one that has lost it: its files may
    be the only copy of their rows.
    """
    paths = list(store.files(_within(table, day)))
    folders = {path.rpartition("/")[0] for path in paths if _RUN.match(path)}
    found = [_read(store, path) for path in paths if _PATH.search(path)]
    replaced = _replaced(found)
    for run in sorted(folders - {each.folder for each in found} | (folders & replaced)):
        if run in known and run not in replaced:
            raise ConfigurationError(
                f"{store.url}/{run} has lost its {NAME}, and its files may be the only copy of their rows; bring the "
                "manifest back from a copy"
            )
        store.remove(run)


def next_run(store: Store, table: str, day: str) -> int:
    """A number that no run of the day has had."""
    runs = [0, *(each.run for each in manifests(store, table, day))]
    runs += [int(number) for path in store.files(folder(table, day)) for number in re.findall(r"/run=(\d+)/", path)]
    return max(runs) + 1


def total(found: Sequence[Manifest]) -> Content:
    """What several runs come to together."""
    content = NOTHING
    for each in found:
        content = content.with_(each.content)
    return content


def _within(table: str, day: str) -> str:
    return folder(table, day) if table and day else f"table={table}" if table else ""


def _replaced(found: Sequence[Manifest]) -> set[str]:
    return {folder(each.table, each.day, run) for each in found for run in each.replaces}


def _read(store: Store, path: str) -> Manifest:
    try:
        manifest = msgspec.json.decode(store.read(path), type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"{store.url}/{path} is no manifest: {error}. Bring it back from a copy; the files beside it are of no use "
            "without it"
        ) from error
    if manifest.format > FORMAT:
        raise ConfigurationError(f"{store.url}/{path} has format {manifest.format}, this version knows {FORMAT}")
    return manifest
