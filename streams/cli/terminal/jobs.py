"""What the commands of retention, archive and erasure share: the connection, the turn, and words for sizes."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date

from clickhouse_connect.driver.exceptions import ClickHouseError

from clickhouse.archive.passing import MAINTENANCE_SECONDS, Work
from clickhouse.client import classify
from clickhouse.lock import Lock, new_owner
from clickhouse.retention import turn
from clickhouse.retention.due import Due
from clickhouse.retention.ledger import Ledger
from clickhouse.shards import Place, every_sync
from streams.cli import terminal
from streams.errors import ConfigurationError
from streams.settings import Settings, load

_UNITS = ("B", "KB", "MB", "GB", "TB")


@contextmanager
def looking() -> Iterator[tuple[list[Work], Ledger]]:
    """Work that only reads, without a turn, on each ClickHouse shard; and the log of what is about no single one.

    Raises as `looking_everywhere` does.
    """
    with looking_everywhere() as everywhere:
        yield _together(everywhere)


@contextmanager
def working() -> Iterator[tuple[list[Work], Ledger]]:
    """Work that changes something on each of them: one process at a time. Raises as `working_everywhere` does."""
    with working_everywhere() as everywhere:
        yield _together(everywhere)


@contextmanager
def looking_everywhere() -> Iterator[list[tuple[Work, Ledger]]]:
    """Work that only reads, with a log of its own, on each ClickHouse shard of a cluster, by one replica that has
    caught up; elsewhere on the one server.

    Raises as `clickhouse.shards.every_sync` and `classify` do.
    """
    with _connected_everywhere() as (settings, places):
        nobody = Lock(places[0].client, settings.clickhouse_database, 0, new_owner())
        yield [_on(place, settings, nobody) for place in places]


@contextmanager
def working_everywhere() -> Iterator[list[tuple[Work, Ledger]]]:
    """Work that changes something on each of them: one process at a time.

    Raises as `looking_everywhere` does, and ConfigurationError while another is at it.
    """
    with _connected_everywhere() as (settings, places), turn.taken(places[0].client, settings) as held:
        yield [_on(place, settings, held) for place in places]


def _together(everywhere: list[tuple[Work, Ledger]]) -> tuple[list[Work], Ledger]:
    return [work for work, _ in everywhere], replace(everywhere[0][1], shard="")


def _on(place: Place, settings: Settings, lock: Lock) -> tuple[Work, Ledger]:
    ledger = Ledger(place.client, settings.clickhouse_database, terminal.operator(), shard=place.name)
    return Work(place.client, settings, replace(lock, client=place.client)), ledger


@contextmanager
def _connected_everywhere() -> Iterator[tuple[Settings, list[Place]]]:
    settings = load()
    try:
        patient = settings.model_copy(update={"clickhouse_timeout_seconds": MAINTENANCE_SECONDS})
        with every_sync(patient) as places:
            yield settings, places
    except ClickHouseError as error:
        raise classify(error) from error


def day(text: str | None, option: str) -> date | None:
    """A day given as YYYY-MM-DD. Raises ConfigurationError."""
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ConfigurationError(f"{option} {text}: give a day as YYYY-MM-DD, such as 2026-01-31") from None


def size(count: int) -> str:
    """Bytes as people read them.

    >>> size(1_250_000)
    '1.2 MB'
    """
    amount = float(count)
    for unit in _UNITS:
        if amount < 1000 or unit == _UNITS[-1]:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    raise AssertionError


def due_line(each: Due) -> dict[str, object]:
    """One step as JSON."""
    partition = each.partition
    return {
        "step": str(each.step),
        "class": each.kind,
        "table": partition.table.name,
        "partition": partition.name,
        "on": each.on,
        "rows": partition.rows,
        "bytes": partition.bytes,
        "files": each.files or None,
        "legal_holds": list(each.holds),
    }


def of_shard(ledger: Ledger) -> dict[str, object]:
    """The ClickHouse shard that a line is about, where there is more than one place."""
    return {"clickhouse_shard": ledger.shard} if ledger.shard else {}


def due_row(line: dict[str, object]) -> list[object]:
    """One step as a line of a table."""
    bytes_ = line["bytes"]
    assert isinstance(bytes_, int)
    held = ", ".join(map(str, line["legal_holds"])) if isinstance(line["legal_holds"], list) else ""
    what = line["files"] or line["partition"]
    return [line["on"], line["step"], line["table"], what, line["rows"], size(bytes_), held]


DUE_COLUMNS = ["from", "step", "table", "partition or files", "rows", "size", "kept by"]
