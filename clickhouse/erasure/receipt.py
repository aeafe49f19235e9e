"""The receipt of an erasure: what went, what a legal hold kept, and what cannot be rewritten."""

from collections.abc import Iterable
from datetime import datetime
from typing import Literal

import msgspec

from clickhouse.archive.passing import Work


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """What was done in one table, or in the archive of one."""

    where: str
    """Table, or `archive of <table>`."""
    rows: int
    """Erased; in a dry run: that would be."""
    kept: int = 0
    """Left, since legal holds cover them."""
    holds: list[str] = []


def summed(places: Iterable[Place]) -> list[Place]:
    """One for each table or archive, with all that was done there; in the order in which they come first."""
    found: dict[str, Place] = {}
    for each in places:
        was = found.get(each.where, Place(where=each.where, rows=0))
        names = sorted({*was.holds, *each.holds})
        found[each.where] = Place(where=each.where, rows=was.rows + each.rows, kept=was.kept + each.kept, holds=names)
    return list(found.values())


class Remainder(msgspec.Struct, frozen=True):
    """Something that is not rewritten."""

    what: str
    until: str
    """When it will be gone."""


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """Names its person by pseudonym only, so that it may be kept."""

    erasure: str
    pseudonym: str
    domain: str
    state: Literal["dry run", "erased", "partly held", "held"]
    at: datetime
    actor: str
    places: list[Place]
    remains: list[Remainder]

    @property
    def rows(self) -> int:
        """Of all places."""
        return sum(place.rows for place in self.places)


REMAINS = (
    Remainder(
        "records in Kafka: source topics and the dead-letter topic",
        "the retention of each topic (retention.ms) has passed; a worker that reads them again drops them",
    ),
    Remainder("parts of tables that were replaced, and dropped files", "ClickHouse removes them: 8 minutes"),
    Remainder("disks of replicas that were taken out of a cluster", "whoever took them out wipes them"),
    Remainder("text of queries in system.query_log and system.mutations", "14 days, or 100 later mutations of a table"),
    Remainder(
        "sketches of distinct counts, and sums in rollups and windows that name no person",
        "their class of data ends; nobody can be told from them",
    ),
    Remainder("live windows in Redis, which name no person", "the window closes: an hour at most"),
    Remainder(
        "answers about metrics that Redis keeps; those in PostgreSQL are removed",
        "twice the longest CACHE_TTL_ has passed: an hour",
    ),
    Remainder(
        "rows with a session_id alone of a visit in which others are named too, or that arrive after this",
        "their class of data ends; no row links them to the person any more",
    ),
    Remainder(
        "backups by `millrace backup`",
        "`millrace backup create --keep` removes them; a restore of an older one erases the person again",
    ),
    Remainder(
        "files of exports that were ordered, in EXPORT_DIR",
        "EXPORT_KEEP_DAYS have passed: a week; `millrace audit list --action export` tells who exported what",
    ),
    Remainder("copies of the archive and exports that others made", "their own retention has passed"),
)


def store(work: Work, receipt: Receipt) -> None:
    """Keep a receipt. Raises ClickHouse's errors."""
    columns = ["erasure", "pseudonym", "domain", "state", "receipt", "actor"]
    text = msgspec.json.encode(receipt).decode()
    values = [receipt.erasure, receipt.pseudonym, receipt.domain, receipt.state, text, receipt.actor]
    kinds = ["String", "String", "LowCardinality(String)", "LowCardinality(String)", "String", "LowCardinality(String)"]
    work.client.insert(
        f"{work.database}.erasures", [values], columns, column_type_names=kinds, settings={"async_insert": 0}
    )


def stored(work: Work, pseudonym: str) -> list[Receipt]:
    """The receipts of a person, oldest first."""
    rows = work.client.query(
        f"SELECT receipt FROM {work.table('erasures')} WHERE pseudonym = {{pseudonym:String}} ORDER BY at",
        parameters={"pseudonym": pseudonym},
    ).result_rows
    return [msgspec.json.decode(str(text), type=Receipt) for (text,) in rows]
