"""Take a person's rows out of the archive: a run is read back, and written again without them as a new run."""

from collections.abc import Iterator, Sequence
from datetime import date

from pyarrow import compute, parquet

from clickhouse import legal, persons
from clickhouse.archive import files, manifest
from clickhouse.archive.day import Archive, described
from clickhouse.archive.files import ArchiveDamaged
from clickhouse.archive.manifest import Manifest
from clickhouse.archive.passing import made, staging
from clickhouse.archive.rowhash import content
from clickhouse.archive.store import Store
from clickhouse.erasure.receipt import Place
from clickhouse.erasure.tables import Person
from clickhouse.legal import LegalHold
from clickhouse.policy import create_queries
from clickhouse.retention import ttl
from clickhouse.retention.ledger import Action
from streams.persons import PERSON_FIELDS


def erase(archive: Archive, who: Person, dry_run: bool) -> list[Place]:
    """One place for each table whose archive has rows of the person.

    Raises ArchiveDamaged if a run is not what its manifest says, before or after; then the old one stands.
    """
    holds = legal.active(archive.work.client, archive.work.database)
    if not dry_run:
        manifest.clean(archive.store, archive.ledger.archived())
    totals: dict[str, tuple[int, int, set[str]]] = {}
    for each, rows in found(archive.store, who):
        covering = [hold for hold in holds if _covers(hold, each, who)]
        if not covering and not dry_run:
            rewrite(archive, each, who)
        erased, kept, names = totals.get(each.table, (0, 0, set()))
        names |= {hold.name for hold in covering}
        totals[each.table] = (erased, kept + rows, names) if covering else (erased + rows, kept, names)
    return [
        Place(where=f"archive of {table}", rows=erased, kept=kept, holds=sorted(names))
        for table, (erased, kept, names) in totals.items()
    ]


def found(store: Store, who: Person) -> Iterator[tuple[Manifest, int]]:
    """The runs that have rows of the person, and how many; only the columns that name persons are read."""
    for each in manifest.manifests(store):
        rows = sum(_rows(store, each, file.name, who) for file in each.files)
        if rows:
            yield each, rows


def rewrite(archive: Archive, old: Manifest, who: Person) -> Manifest:
    """Write a run again without the person's rows; the old one goes when the new one was read back.

    The hash of what is left must be that of all without that of the person's rows: nothing else has gone.
    """
    work, store = archive.work, archive.store
    where = persons.in_domain(_condition(old), old.columns, who.domain)
    run = manifest.next_run(store, old.table, old.day)
    live = next(table for table in ttl.tables(create_queries(work.client, work.database)) if table.name == old.table)
    with made(work, old.table, staging(old.table)) as back:
        table = work.table(back)
        files.known_columns(old, list(work.columns(old.table)))
        files.read(work, store, old, back)
        theirs = content(work.client, table, old.columns, where, who.given)
        expected = old.content.without(theirs)
        rest = f"NOT ifNull({where}, 0)"
        archive.watch("write again")
        written = files.write(
            work, store, manifest.folder(old.table, old.day, run), table, old.columns, rest, who.given
        )
        source = (table, rest, live.column or "")
        kinds = dict(zip(old.columns, old.types, strict=True))
        new = described(
            work, old.table, old.day, run, written, expected, kinds, source, who.given,
            replaces=[old.run], erased=old.erased + theirs.rows,
        )  # fmt: skip
        work.execute(f"TRUNCATE TABLE {table} SYNC")
        archive.watch("read again")
        try:
            files.read(work, store, new, back)
        except ArchiveDamaged:
            store.remove(new.folder)
            raise
    manifest.save(store, new)
    archive.watch("remove")
    store.remove(old.folder)
    archive.ledger.write(Action.ERASE, old.table, old.day, theirs.rows, new.bytes, new.hash, new.folder)
    return new


def _condition(each: Manifest) -> str:
    names = [name for name in PERSON_FIELDS if name in each.columns]
    return " OR ".join(f"ifNull(`{name}`, '') = {{person:String}}" for name in names)


def _rows(store: Store, each: Manifest, name: str, who: Person) -> int:
    columns = [column for column in PERSON_FIELDS if column in each.columns]
    if not columns:
        return 0
    topic = ["topic"] if who.domain else []
    with store.input(f"{each.folder}/{name}") as file:
        table = parquet.read_table(file, columns=[*columns, *topic])
    is_theirs = _any([compute.fill_null(compute.equal(table[column], who.id), False) for column in columns])
    if topic:
        is_theirs = compute.and_(is_theirs, compute.starts_with(table["topic"], f"{who.domain}."))
    return int(compute.sum(is_theirs).as_py() or 0)


def _any(masks: Sequence[object]) -> object:
    result = masks[0]
    for mask in masks[1:]:
        result = compute.or_(result, mask)
    return result


def _covers(hold: LegalHold, each: Manifest, who: Person) -> bool:
    day = date.fromisoformat(each.day)
    return hold.covers(each.table, day, day) and hold.person in ("", who.id)
