"""Take a person's rows out of the archive: a run is read back, and written again without them as a new run.

As in the tables, rows of the person's visits that name nobody go first, from all runs (see `tables`).
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import date
from enum import Enum
from functools import reduce
from typing import Any

import pyarrow
from pyarrow import compute, parquet

from clickhouse import legal, persons
from clickhouse.archive import files, manifest
from clickhouse.archive.day import Archive, described
from clickhouse.archive.files import ArchiveDamaged
from clickhouse.archive.manifest import Manifest
from clickhouse.archive.passing import made, staging
from clickhouse.archive.rowhash import content
from clickhouse.archive.store import Store
from clickhouse.erasure.person import Person
from clickhouse.erasure.receipt import Place, summed
from clickhouse.legal import LegalHold
from clickhouse.persons import VISIT
from clickhouse.policy import create_queries
from clickhouse.retention import ttl
from clickhouse.retention.ledger import Action
from streams.persons import PERSON_FIELDS


class Which(Enum):
    """Which rows of a person."""

    ALONE = "of visits in which nobody else is named, those that name nobody"
    NAMED = "those that name the person"


def erase(archive: Archive, who: Person, dry_run: bool) -> list[Place]:
    """One place for each table whose archive has rows of the person.

    Raises ArchiveDamaged if a run is not what its manifest says, before or after; then the old one stands.
    """
    holds = legal.active(archive.work.client, archive.work.database)
    if not dry_run:
        manifest.clean(archive.store, archive.ledger.archived())
    places = []
    for which in Which if who.visits else (Which.NAMED,):
        for each, rows in found(archive.store, who, which):
            covering = sorted(hold.name for hold in holds if _covers(hold, each, who))
            if not covering and not dry_run:
                run = each
                for given in _given(archive.store, each, who, which):
                    run = rewrite(archive, run, who.domain, which, given)
            where, kept = f"archive of {each.table}", rows if covering else 0
            places.append(Place(where=where, rows=rows - kept, kept=kept, holds=covering))
    return summed(places)


def found(store: Store, who: Person, which: Which = Which.NAMED) -> Iterator[tuple[Manifest, int]]:
    """The runs that have rows of the person, and how many; only the columns that name persons and visits are read."""
    for each in manifest.manifests(store):
        rows = sum(_rows(store, each, file.name, who, which) for file in each.files)
        if rows:
            yield each, rows


def visits(store: Store, identity: str) -> set[str]:
    """The visits that archived rows of a person name."""
    found: set[str] = set()
    for table, names in _with_visits(store):
        theirs = _any([_is(table, name, [identity]) for name in names])
        found |= set(table.filter(theirs)[VISIT].to_pylist())
    return {visit for visit in found if visit}


def shared(store: Store, identity: str, visits: Collection[str]) -> set[str]:
    """Those of the visits in which archived rows name somebody else."""
    found: set[str] = set()
    for table, names in _with_visits(store) if visits else ():
        others = [compute.invert(compute.or_(_is_nobody(table, name), _is(table, name, [identity]))) for name in names]
        theirs = compute.and_(_is(table, VISIT, sorted(visits)), _any(others))
        found |= set(table.filter(theirs)[VISIT].to_pylist())
    return found


def _with_visits(store: Store) -> Iterator[tuple[pyarrow.Table, list[str]]]:
    """Of each file that names both persons and visits these columns, and which of them name persons."""
    for each in manifest.manifests(store):
        names: list[str] = [name for name in PERSON_FIELDS if name in each.columns]
        for file in each.files if names and VISIT in each.columns else ():
            yield _read(store, each, file.name, [*names, VISIT]), names


def _given(store: Store, each: Manifest, who: Person, which: Which) -> Iterator[dict[str, Any]]:
    """The parameters that tell the person's rows of a run: of all visits those that the run has, in portions."""
    if which is Which.NAMED:
        yield {"person": who.id}
        return
    there: set[str] = set()
    for file in each.files:
        there |= set(_read(store, each, file.name, [VISIT])[VISIT].to_pylist())
    for portion in persons.portions(sorted(there & set(who.visits))):
        yield {"visits": portion}


def rewrite(archive: Archive, old: Manifest, domain: str, which: Which, given: dict[str, Any]) -> Manifest:
    """Write a run again without rows of a person; the old one goes when the new one was read back.

    `given`: whose, and of which visits. The hash of what is left must be that of all without that of these rows:
    nothing else has gone.
    """
    work, store = archive.work, archive.store
    where = persons.in_domain(_condition(old, which), old.columns, domain)
    run = manifest.next_run(store, old.table, old.day)
    live = next(table for table in ttl.tables(create_queries(work.client, work.database)) if table.name == old.table)
    with made(work, old.table, staging(old.table)) as back:
        table = work.table(back)
        files.known_columns(old, list(work.columns(old.table)))
        files.read(work, store, old, back)
        theirs = content(work.client, table, old.columns, where, given)
        expected = old.content.without(theirs)
        rest = f"NOT ifNull({where}, 0)"
        archive.watch("write again")
        written = files.write(work, store, manifest.folder(old.table, old.day, run), table, old.columns, rest, given)
        source = (table, rest, live.column or "")
        kinds = dict(zip(old.columns, old.types, strict=True))
        new = described(
            work, old.table, old.day, run, written, expected, kinds, source, given,
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


def _condition(each: Manifest, which: Which) -> str:
    names = [name for name in PERSON_FIELDS if name in each.columns]
    if which is Which.ALONE:
        return persons.of_visits(names)
    return " OR ".join(f"ifNull(`{name}`, '') = {{person:String}}" for name in names)


def _rows(store: Store, each: Manifest, name: str, who: Person, which: Which) -> int:
    columns = [column for column in PERSON_FIELDS if column in each.columns]
    if not columns or (which is Which.ALONE and VISIT not in each.columns):
        return 0
    more = [*([VISIT] if which is Which.ALONE else []), *(["topic"] if who.domain else [])]
    table = _read(store, each, name, [*columns, *more])
    if which is Which.ALONE:
        nobody = [_is_nobody(table, column) for column in columns]
        is_theirs = reduce(compute.and_, nobody, _is(table, VISIT, who.visits))
    else:
        is_theirs = _any([_is(table, column, [who.id]) for column in columns])
    if who.domain:
        is_theirs = compute.and_(is_theirs, compute.starts_with(table["topic"], f"{who.domain}."))
    return int(compute.sum(is_theirs).as_py() or 0)


def _read(store: Store, each: Manifest, name: str, columns: Sequence[str]) -> pyarrow.Table:
    with store.input(f"{each.folder}/{name}") as file:
        return parquet.read_table(file, columns=list(columns))


def _is(table: pyarrow.Table, name: str, values: Sequence[str]) -> Any:
    """Whether a column has one of the values; never unknown."""
    return compute.is_in(table[name], value_set=pyarrow.array(values, table.schema.field(name).type))


def _is_nobody(table: pyarrow.Table, name: str) -> Any:
    return compute.equal(compute.fill_null(table[name], ""), "")


def _any(masks: Sequence[Any]) -> Any:
    return reduce(compute.or_, masks)


def _covers(hold: LegalHold, each: Manifest, who: Person) -> bool:
    day = date.fromisoformat(each.day)
    return hold.covers(each.table, day, day) and hold.person in ("", who.id)
