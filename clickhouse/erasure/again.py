"""Erase again those whose rows came back: by a restore of a backup, or of the archive, that is older than the erasure.

A pseudonym does not tell whose it is, but the key tells of each id that has rows whether it is listed. So all ids are
gone through: those of columns that name persons, of windows, and those that dead letters carry as their key or where an
event has them. An id that stands elsewhere in the bytes of a letter alone is not found.
"""

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from clickhouse import persons
from clickhouse.archive.day import Archive
from clickhouse.archive.passing import Work
from clickhouse.erasure import beside, forget
from clickhouse.erasure.beside import Erased
from clickhouse.erasure.forget import Request
from clickhouse.erasure.receipt import Receipt
from clickhouse.retention.ledger import Ledger
from streams.errors import ConfigurationError
from streams.persons import PERSON_FIELDS, Pseudonyms

_LETTERS = ", ".join(("key", *(f"JSONExtractString(value, 'data', '{name}')" for name in PERSON_FIELDS)))


def missing(work: Work) -> list[Erased]:
    """Those whom only the list beside the backups has. Raises ConfigurationError, ClickHouse's errors."""
    folder = work.settings.backup_folder
    known = {(pseudonym, domain) for pseudonym, domain, _ in _listed(work)}
    return [each for each in beside.read(Path(folder).absolute()) if each.entry not in known] if folder else []


def tell(work: Work) -> list[Erased]:
    """List these in ClickHouse too, where workers read; who they are. Raises as `missing` does."""
    found = missing(work)
    for each in found:
        forget.list_one(work, each)
    return found


def check_key(keys: Collection[str], pseudonyms: Pseudonyms | None) -> None:
    """Raise ConfigurationError unless all were erased under the key that made these pseudonyms."""
    if keys and (pseudonyms is None or set(keys) != {pseudonyms.fingerprint}):
        raise ConfigurationError(
            "persons are listed as erased, and ERASURE_KEY is not set or is another one than they were erased under; "
            "set it to that one: without it nobody can tell which rows are theirs"
        )


def requests(works: Sequence[Work], windows: Sequence[str], pseudonyms: Pseudonyms | None) -> list[Request]:
    """One for each listed person, and domain, of whom there are rows; those who are listed beside the backups too.

    `works`: on every ClickHouse shard. Raises ConfigurationError for another key than theirs, or none.
    """
    first = works[0]
    listed = [*_listed(first), *((each.pseudonym, each.domain, each.key) for each in missing(first))]
    check_key([key for _, _, key in listed], pseudonyms)
    if pseudonyms is None:
        return []
    wanted = {(pseudonym, domain) for pseudonym, domain, _ in listed}
    domains = sorted({domain for _, domain in wanted})
    # Of one person there may be rows on several ClickHouse shards.
    found = {
        (each, domain): Request(each, domain, windows, pseudonyms)
        for work in works
        for each in ids(work, windows)
        for domain in domains
        if (pseudonyms.of(each, domain), domain) in wanted
    }
    return list(found.values())


def ids(work: Work, windows: Sequence[str]) -> Iterator[str]:
    """Every id of a person that stands in a table, each once. Raises ClickHouse's errors."""
    selects = [
        f"SELECT arrayJoin([{', '.join(f'ifNull(toString(`{name}`), {chr(39) * 2})' for name in names)}]) AS id "
        f"FROM {work.table(table)}"
        for table, names in persons.columns(work.client, work.database).items()
    ]
    selects.append(f"SELECT arrayJoin([{_LETTERS}]) FROM {work.table('dead_letters')}")
    if windows:
        names = ", ".join(f"'{name}'" for name in windows)
        selects.append(f"SELECT arrayJoin(key) FROM {work.table(persons.WINDOWS_TABLE)} WHERE window IN ({names})")
    with work.client.query_rows_stream(
        f"SELECT DISTINCT id FROM ({' UNION ALL '.join(selects)}) WHERE id != '' ORDER BY id"
    ) as stream:
        for (found,) in stream:
            yield str(found)


def erase(works: Sequence[Work], archive: Archive | None, ledger: Ledger, request: Request) -> Receipt:
    """Erase one of them, unless a legal hold forbids it; the shards are held, and nothing can be written."""
    if names := forget.held(works[0], request):
        return forget.kept(works, archive, ledger, request, names)
    return forget.erase(works, archive, ledger, request)


def _listed(work: Work) -> list[tuple[str, str, str]]:
    found = work.client.query(f"SELECT pseudonym, domain, key FROM {work.table('suppressions')} FINAL").result_rows
    return [(str(pseudonym), str(domain), str(key)) for pseudonym, domain, key in found]
