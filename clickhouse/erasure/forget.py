"""Erase one person: kept out first, then erased from tables and archive, with a receipt.

1. A legal hold on the person ends it here: nothing is erased, nothing is kept out, and the receipt says why.
2. The pseudonym is listed: beside the backups, which an older one could bring the person back from, and in ClickHouse.
   Workers read that list before they go on after a hold of the shards.
3. The shards are held, until nothing of the stream can still be written (R10): a batch that is delivered again, or
   counted, would bring the rows back. The caller sees to it, between `suppress` and `erase`.
4. Rows go from the archive, then from the tables: those of the person's visits that name nobody first.
5. The receipt is stored.

It may be killed anywhere and called again: what is gone is gone, and what is left is found.

`works` are those on every ClickHouse shard of a cluster; of a single server there is one. What every node has whole
(the list, the receipt) is written at the first.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from clickhouse import legal
from clickhouse.archive.day import Archive
from clickhouse.archive.passing import Work, bring_back
from clickhouse.erasure import archived, beside, person, receipt, tables
from clickhouse.erasure.beside import Erased
from clickhouse.erasure.person import Person
from clickhouse.erasure.receipt import Place, Receipt
from clickhouse.retention.ledger import Action, Ledger
from streams.errors import ConfigurationError
from streams.persons import Pseudonyms


@dataclass(frozen=True)
class Request:
    """One request to erase a person."""

    person: str
    domain: str
    """Empty: every domain."""
    windows: Sequence[str]
    """Windows whose key names a person or a visit."""
    pseudonyms: Pseudonyms

    @property
    def pseudonym(self) -> str:
        """Under which the person is kept out."""
        return self.pseudonyms.of(self.person, self.domain)


def held(work: Work, request: Request) -> list[str]:
    """The names of the legal holds on the person, which forbid the whole request."""
    return [hold.name for hold in legal.active(work.client, work.database) if hold.person == request.person]


def suppress(work: Work, ledger: Ledger, request: Request) -> None:
    """List the pseudonym. Raises ConfigurationError if others are listed under another key, and as `beside.note` does;
    ClickHouse's errors.
    """
    keys = work.client.query(f"SELECT DISTINCT key FROM {work.table('suppressions')}").result_rows
    if any(key != request.pseudonyms.fingerprint for (key,) in keys):
        raise ConfigurationError(
            "persons were erased under another ERASURE_KEY than this one; give this command the key that the workers "
            "have: with two of them no worker would go on"
        )
    fingerprint = request.pseudonyms.fingerprint
    erased = Erased(request.pseudonym, request.domain, fingerprint, ledger.run, datetime.now(UTC))
    if work.settings.backup_folder:
        beside.note(Path(work.settings.backup_folder).absolute(), erased)
    list_one(work, erased)


def list_one(work: Work, erased: Erased) -> None:
    """List one person in ClickHouse, where workers read it. Raises ClickHouse's errors."""
    work.client.insert(
        f"{work.database}.suppressions",
        [[erased.pseudonym, erased.domain, erased.key, erased.erasure]],
        ["pseudonym", "domain", "key", "erasure"],
        column_type_names=["String", "LowCardinality(String)", "String", "String"],
        settings={"async_insert": 0},
    )


def find(works: Sequence[Work], archive: Archive | None, request: Request) -> list[Place]:
    """What would be erased, and what a hold would keep. Changes nothing."""
    who = _person(works, archive, request)
    places = tables.erase(works, who, request.windows, dry_run=True)
    return [*places, *(archived.erase(archive, who, dry_run=True) if archive is not None else [])]


def erase(works: Sequence[Work], archive: Archive | None, ledger: Ledger, request: Request) -> Receipt:
    """Erase the rows that are there; the shards are held and nothing can be written. The receipt is stored."""
    for work in works:
        work.catch_up()
        bring_back(work)
    who = _person(works, archive, request)
    places = archived.erase(archive, who, dry_run=False) if archive is not None else []
    places = [*tables.erase(works, who, request.windows, dry_run=False), *places]
    for place in places:
        if not place.where.startswith("archive"):
            ledger.write(Action.ERASE, place.where, rows=place.rows, detail=f"erasure {ledger.run}")
    made = written(ledger, request, places, "partly held" if any(place.kept for place in places) else "erased")
    receipt.store(works[0], made)
    return made


def _person(works: Sequence[Work], archive: Archive | None, request: Request) -> Person:
    """The person with the visits that rows of theirs name, and which of them nobody else has a part in."""
    visits = person.visits(works, request.person)
    if archive is not None:
        visits |= archived.visits(archive.store, request.person)
    others = person.shared(works, request.person, visits)
    if archive is not None:
        others |= archived.shared(archive.store, request.person, visits)
    keys = (request.person, *sorted(visits))
    return Person(request.person, request.domain, keys, tuple(sorted(visits - others)))


def kept(
    works: Sequence[Work], archive: Archive | None, ledger: Ledger, request: Request, names: Sequence[str]
) -> Receipt:
    """Erase nothing, since legal holds of these names are on the person; the receipt says so, and is stored."""
    places = [as_held(place, names) for place in find(works, archive, request)]
    made = written(ledger, request, places, "held")
    receipt.store(works[0], made)
    return made


def as_held(place: Place, names: Sequence[str]) -> Place:
    """All of it stays."""
    return Place(where=place.where, rows=0, kept=place.rows + place.kept, holds=sorted({*names, *place.holds}))


State = Literal["dry run", "erased", "partly held", "held"]


def written(ledger: Ledger, request: Request, places: Sequence[Place], state: State) -> Receipt:
    """A receipt, not stored yet."""
    return Receipt(
        erasure=ledger.run,
        pseudonym=request.pseudonym,
        domain=request.domain,
        state=state,
        at=datetime.now(UTC),
        actor=ledger.actor,
        places=list(places),
        remains=list(receipt.REMAINS),
    )
