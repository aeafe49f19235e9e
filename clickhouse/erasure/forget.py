"""Erase one person: kept out first, then erased from tables and archive, with a receipt.

1. A legal hold on the person ends it here: nothing is erased, nothing is kept out, and the receipt says why.
2. The pseudonym is listed. Workers read the list before they go on after a hold of the shards.
3. The shards are held, until nothing of the stream can still be written (R10): a batch that is delivered again, or
   counted, would bring the rows back. The caller sees to it, between `suppress` and `erase`.
4. Rows go from the tables, windows first, then from the archive.
5. The receipt is stored.

It may be killed anywhere and called again: what is gone is gone, and what is left is found.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from clickhouse import legal
from clickhouse.archive.day import Archive
from clickhouse.archive.passing import Work, bring_back
from clickhouse.erasure import archived, receipt, tables
from clickhouse.erasure.receipt import Place, Receipt
from clickhouse.erasure.tables import Person
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
    """List the pseudonym. Raises ConfigurationError if others are listed under another key; ClickHouse's errors."""
    keys = work.client.query(f"SELECT DISTINCT key FROM {work.table('suppressions')}").result_rows
    if any(key != request.pseudonyms.fingerprint for (key,) in keys):
        raise ConfigurationError(
            "persons were erased under another ERASURE_KEY than this one; give this command the key that the workers "
            "have: with two of them no worker would go on"
        )
    values = [request.pseudonym, request.domain, request.pseudonyms.fingerprint, ledger.run]
    work.client.insert(
        f"{work.database}.suppressions",
        [values],
        ["pseudonym", "domain", "key", "erasure"],
        column_type_names=["String", "LowCardinality(String)", "String", "String"],
        settings={"async_insert": 0},
    )


def find(work: Work, archive: Archive | None, request: Request) -> list[Place]:
    """What would be erased, and what a hold would keep. Changes nothing."""
    who = tables.person(work, request.person, request.domain)
    places = tables.erase(work, who, request.windows, dry_run=True)
    return [*places, *(archived.erase(archive, who, dry_run=True) if archive is not None else [])]


def erase(work: Work, archive: Archive | None, ledger: Ledger, request: Request) -> Receipt:
    """Erase the rows that are there; the shards are held and nothing can be written. The receipt is stored."""
    bring_back(work)
    who: Person = tables.person(work, request.person, request.domain)
    places = archived.erase(archive, who, dry_run=False) if archive is not None else []
    places = [*tables.erase(work, who, request.windows, dry_run=False), *places]
    for place in places:
        if not place.where.startswith("archive"):
            ledger.write(Action.ERASE, place.where, rows=place.rows, detail=f"erasure {ledger.run}")
    made = written(ledger, request, places, "partly held" if any(place.kept for place in places) else "erased")
    receipt.store(work, made)
    return made


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
