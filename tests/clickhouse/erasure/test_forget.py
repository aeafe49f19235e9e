"""A person is gone from every table and every file, everybody else is untouched, and a legal hold wins."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet
import pytest
from clickhouse_connect.driver.client import Client

from clickhouse import legal, persons
from clickhouse.archive import job, manifest
from clickhouse.archive.day import Archive
from clickhouse.archive.passing import Work
from clickhouse.archive.restore import restore
from clickhouse.erasure import deletion, forget
from clickhouse.erasure.deletion import Part
from clickhouse.erasure.forget import Request
from clickhouse.erasure.receipt import Receipt, stored
from clickhouse.legal import LegalHold
from streams.errors import ConfigurationError
from streams.events.domains import RIDES, TICKETING
from streams.persons import PERSON_FIELDS, Pseudonyms
from streams.settings import Settings
from tables.personal import personal_windows
from tests.support.aged import aged, archiving, count, day, keep_all, put

SOMEONE = "person-7"
OTHER = "person-77"
KEY = Pseudonyms("a key for tests only")
OLD = 740
RETENTION = Path(__file__).parents[3] / "docs" / "retention.md"
LETTERS = [
    ("letter-key", SOMEONE.encode(), b"{"),
    ("letter-value", b"k", b'{"data": {"user_id": "person-7"}'),
    ("other", OTHER.encode(), b'{"data": {"user_id": "person-77"}'),
]


def request(domain: str = "") -> Request:
    """To erase SOMEONE."""
    return Request(SOMEONE, domain, personal_windows(), KEY)


def fill(client: Client, settings: Settings) -> None:
    """Rows of two people in every table that may have any, of rows that are new and rows that are old."""
    for n, who in enumerate((SOMEONE, OTHER)):
        events = []
        for days in (1, OLD):
            events += aged(19, days, RIDES, n, user_id=who, driver_id=who)
            events += aged(26, days, TICKETING, n, user_id=who, session_id=f"visit-{who}")
        put(client, settings, events, who, first=1000 * n)
    now = "now64(3), now64(3), 'c', 0, 'rides.user', 0, {n}, 1, 'n', 1, 'v', 'invalid', '', 'm', '', '{id}', '', 0"
    for n, (name, key, value) in enumerate(LETTERS):
        columns = "ingested_at, appended_at, chain, shard, topic, partition, offset, intent, nonce, intent_offset, "
        columns += (
            "app_version, reason, field, message, event_type, event_id, source, schema_version, key, value, headers"
        )
        client.command(
            f"INSERT INTO dead_letters ({columns}) SELECT {now.format(n=n, id=name)}, {{k:String}}, {{v:String}}, "
            "[('h', {k:String})]",
            parameters={"k": key.decode(), "v": value.decode()},
            settings={"async_insert": 0},
        )
        client.command(
            "INSERT INTO dead_letter_actions (topic, partition, offset, chain, value) "
            f"SELECT 'rides.user', 0, {n}, 'c', {{v:String}}",
            parameters={"v": value.decode()},
            settings={"async_insert": 0},
        )
    for n, window in enumerate((SOMEONE, f"visit-{SOMEONE}", OTHER, f"visit-{OTHER}")):
        client.command(
            "INSERT INTO metrics_realtime (domain, window, starts_at, ends_at, key, shard, revision) "
            f"SELECT 'ticketing', 'ticketing.sessions', now() - {n}, now(), [{{k:String}}], 0, 1",
            parameters={"k": window},
            settings={"async_insert": 0},
        )


def places(client: Client, who: str, settings: Settings) -> set[tuple[str, str]]:
    """Every column of every table in which an id stands as a word of its own, found by looking at all of them."""
    rows = client.query(
        "SELECT c.table, groupArray(c.name) FROM system.columns AS c INNER JOIN system.tables AS t "
        "ON t.database = c.database AND t.name = c.table "
        "WHERE c.database = {d:String} AND match(c.type, 'String') AND t.engine LIKE '%MergeTree' AND t.total_rows > 0 "
        "GROUP BY c.table",
        parameters={"d": settings.clickhouse_database},
    ).result_rows
    pattern = rf"(^|[^A-Za-z0-9-]){who}($|[^A-Za-z0-9-])"
    found: set[tuple[str, str]] = set()
    for table, columns in rows:
        seen = ", ".join(f"countIf(match(toString(`{column}`), '{pattern}'))" for column in columns)
        [counts] = client.query(f"SELECT {seen} FROM `{table}`").result_rows
        found |= {(str(table), str(column)) for column, count in zip(columns, counts, strict=True) if count}
    return found


def ids(client: Client, settings: Settings) -> dict[str, Any]:
    """What is there of the other person, by table."""
    found = persons.conditions(persons.columns(client, settings.clickhouse_database), personal_windows())
    given = {"person": OTHER, "keys": [OTHER, f"visit-{OTHER}"]}
    return {
        table: client.query(f"SELECT count() FROM {table} WHERE {where}", parameters=given).result_rows[0][0]
        for table, where in found.items()
    }


def forgotten(work: Archive, what: Request) -> Receipt:
    """Erase, as the command does once the shards are held."""
    forget.suppress(work.work, work.ledger, what)
    return forget.erase([work.work], work, work.ledger, what)


@pytest.fixture
def kept(store: Settings, client: Client) -> Settings:
    """A store whose tables drop nothing by themselves: old rows stay until the test has looked at them."""
    keep_all(client, store)
    return store


def test_every_column_that_holds_a_persons_id_is_known(client: Client, kept: Settings) -> None:
    fill(client, kept)

    known = {
        (table, name) for table, names in persons.columns(client, kept.clickhouse_database).items() for name in names
    }
    letters = {("dead_letters", name) for name in ("key", "value", "headers")} | {("dead_letter_actions", "value")}
    assert places(client, SOMEONE, kept) == known | letters | {(persons.WINDOWS_TABLE, "key")}
    assert personal_windows() == ["ticketing.sessions"]


def test_a_person_is_gone_from_all_tables_and_nobody_else_is(client: Client, kept: Settings, tmp_path: Path) -> None:
    fill(client, kept)
    before = ids(client, kept)
    assert all(before.values())

    with archiving(kept, tmp_path) as work:
        expected = forget.find([work.work], work, request())
        assert places(client, SOMEONE, kept)
        receipt = forgotten(work, request())
        again = forgotten(work, request())

    assert receipt.state == "erased"
    assert receipt.places == expected
    assert {place.where for place in receipt.places} == set(before)
    assert places(client, SOMEONE, kept) == set()
    assert places(client, f"visit-{SOMEONE}", kept) == set()
    assert ids(client, kept) == before
    assert again.places == []
    [row] = client.query("SELECT DISTINCT pseudonym, domain, key FROM suppressions FINAL").result_rows
    assert row == (KEY.of(SOMEONE), "", KEY.fingerprint)
    with archiving(kept, tmp_path) as work:
        assert stored(work.work, KEY.of(SOMEONE)) == [receipt, again]
    assert SOMEONE.encode() not in msgspec.json.encode(receipt)


@pytest.mark.faults
def test_one_domain_alone(client: Client, kept: Settings, tmp_path: Path) -> None:
    fill(client, kept)
    rides = count(client, "events_raw", f"user_id = '{SOMEONE}' OR driver_id = '{SOMEONE}'")

    with archiving(kept, tmp_path) as work:
        forgotten(work, request("ticketing"))

    assert count(client, "events", f"user_id = '{SOMEONE}'") == 0
    assert count(client, "events_raw", f"user_id = '{SOMEONE}' OR driver_id = '{SOMEONE}'") == rides > 0
    assert count(client, "dead_letters") == len(LETTERS)  # all are of rides


def archived_ids(folder: Path) -> set[str]:
    """Every id of a person in the files."""
    found: set[str] = set()
    for file in folder.rglob("*.parquet"):
        table = pyarrow.parquet.read_table(file, partitioning=None)
        for name in {*PERSON_FIELDS, "session_id"} & set(table.column_names):
            found |= {value for value in table[name].to_pylist() if value}
    return found


def archive_all(settings: Settings, folder: Path) -> Sequence[manifest.Manifest]:
    """Archive what is due."""
    with archiving(settings, folder) as work:
        list(job.run(work))
        return manifest.manifests(work.store)


@pytest.mark.long
@pytest.mark.parametrize("rollups", [False])
def test_a_person_is_gone_from_the_archive(client: Client, kept: Settings, tmp_path: Path) -> None:
    fill(client, kept)
    put(client, kept, aged(19, OLD + 1, RIDES, 9), "others", first=5000)
    before = archive_all(kept, tmp_path)
    assert SOMEONE in archived_ids(tmp_path)

    with archiving(kept, tmp_path) as work:
        receipt = forgotten(work, request())
        after = manifest.manifests(work.store)
        came = restore([work], "events_raw", date.fromisoformat(day(OLD)), 1)

    archives = {place.where: place.rows for place in receipt.places if place.where.startswith("archive")}
    gone = {each.table: each.erased for each in after if each.erased}
    assert archives == {f"archive of {table}": rows for table, rows in gone.items()}
    assert set(gone) == {"events_raw", "events"}
    assert {SOMEONE, f"visit-{SOMEONE}"} & archived_ids(tmp_path) == set()
    assert OTHER in archived_ids(tmp_path)
    assert sum(each.rows for each in before) - sum(each.rows for each in after) == sum(gone.values())
    untouched = [each for each in before if each.day == day(OLD + 1)]
    assert [each for each in after if each.day == day(OLD + 1)] == untouched != []
    assert count(client, "events_raw", f"toDate(occurred_at) = '{day(OLD)}'") == came.rows
    assert places(client, SOMEONE, kept) == set()


def visited(client: Client, settings: Settings, days: int, first: int) -> dict[str, int]:
    """Rows before and after two logins: a visit that is SOMEONE's, and one that OTHER has a part in.

    Returns the rows of the second one that name nobody, by table.
    """
    for n, (visit, people) in enumerate([("own", [SOMEONE]), ("shared", [SOMEONE, OTHER])]):
        for k, who in enumerate([*people, None]):
            events = aged(26, days, TICKETING, k, user_id=who, session_id=visit)
            events = [each for each in events if "session_id" in each["data"]]
            put(client, settings, events, f"{visit}-{who}-{first}", first=first + 100 * (3 * n + k))
    return {table: count(client, table, "session_id = 'shared' AND user_id IS NULL") for table in VISITED}


VISITED = ("events", "page_views")
RETENTION_LIST = "| not rewritten | gone when |\n| --- | --- |\n"


@pytest.mark.parametrize("rollups", [False])
def test_what_names_nobody_goes_with_a_visit_that_is_the_persons_alone(
    client: Client, kept: Settings, tmp_path: Path
) -> None:
    before = visited(client, kept, 1, 0)
    assert all(before.values())

    with archiving(kept, tmp_path) as work:
        expected = forget.find([work.work], work, request())
        receipt = forgotten(work, request())
        assert forgotten(work, request()).places == []

    assert receipt.places == expected
    assert [count(client, table, "session_id = 'own'") for table in VISITED] == [0, 0]
    assert {table: count(client, table, "session_id = 'shared' AND user_id IS NULL") for table in VISITED} == before
    assert count(client, "events", f"user_id = '{OTHER}'")
    assert places(client, SOMEONE, kept) == set()
    remains = {each.what: each.until for each in receipt.remains}
    assert any("a session_id alone of a visit in which others are named" in what for what in remains)
    assert "erases the person again" in remains["backups by `millrace backup`"]
    _, _, listed = RETENTION.read_text("utf-8").partition(RETENTION_LIST)
    rows, _, _ = listed.partition("\n\n")
    assert len(rows.splitlines()) == len(remains), "docs/retention.md and the receipt name different things"


@pytest.mark.long
@pytest.mark.parametrize("rollups", [False])
def test_visits_are_found_across_tables_and_archive(client: Client, kept: Settings, tmp_path: Path) -> None:
    """The rows that say whose a visit is lie in the archive, those that name nobody in both."""
    visited(client, kept, OLD, 0)
    archive_all(kept, tmp_path)
    for k, visit in enumerate(("own", "shared")):
        events = aged(26, 1, TICKETING, 9, user_id=None, session_id=visit)
        put(client, kept, [each for each in events if "session_id" in each["data"]], visit, first=5000 + 100 * k)
    alone = {visit: count(client, "events", f"session_id = '{visit}'") for visit in ("own", "shared")}
    assert min(alone.values()) > 0

    with archiving(kept, tmp_path) as work:
        expected = forget.find([work.work], work, request())
        receipt = forgotten(work, request())
        after = {each.table: each.rows for each in manifest.manifests(work.store)}

    assert receipt.places == expected
    assert archived_ids(tmp_path) == {"shared", OTHER}
    assert count(client, "events", "session_id = 'own'") == 0
    assert count(client, "events", "session_id = 'shared'") == alone["shared"]
    assert after == {"events": after["events"]}


@pytest.mark.parametrize("rollups", [False])
def test_a_visit_is_still_known_when_a_call_was_ended_between(
    client: Client, kept: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What names nobody goes first: as long as any of it is there, a row says whose the visit was."""
    visited(client, kept, 1, 0)
    deleted = deletion.delete
    calls: list[Sequence[Part]] = []

    def once(works: Sequence[Work], parts: Sequence[Part]) -> None:
        calls.append(parts)
        if len(calls) == 2:
            raise Killed
        deleted(works, parts)

    monkeypatch.setattr(deletion, "delete", once)
    with archiving(kept, tmp_path) as work, pytest.raises(Killed):
        forgotten(work, request())
    assert {
        table: count(client, table, "session_id = 'own' AND user_id IS NULL") for table in VISITED
    } == dict.fromkeys(VISITED, 0)
    with archiving(kept, tmp_path) as work:
        forgotten(work, request())

    assert [count(client, table, "session_id = 'own'") for table in VISITED] == [0, 0]


class Killed(Exception):
    """Stands for the end of the process."""


@pytest.mark.faults
@pytest.mark.parametrize("step", ["write again", "read again", "remove"])
def test_an_erasure_that_is_killed_in_the_archive_is_ended_by_the_next(
    step: str, client: Client, kept: Settings, tmp_path: Path
) -> None:
    fill(client, kept)
    rows = {(each.table, each.day): each.rows for each in archive_all(kept, tmp_path)}

    def watch(now: str) -> None:
        if now == step:
            raise Killed

    with archiving(kept, tmp_path, watch) as work, pytest.raises(Killed):
        forgotten(work, request())
    with archiving(kept, tmp_path) as work:
        forgotten(work, request())
        after = manifest.manifests(work.store)
        list(job.run(work))

    assert {SOMEONE, f"visit-{SOMEONE}"} & archived_ids(tmp_path) == set()
    assert {(each.table, each.day): each.rows + each.erased for each in after} == rows


@pytest.mark.faults
def test_a_legal_hold_on_days_keeps_these_and_is_named(client: Client, kept: Settings, tmp_path: Path) -> None:
    fill(client, kept)
    archive_all(kept, tmp_path)
    today = date.fromisoformat(day(1))
    legal.place(client, kept.clickhouse_database, LegalHold("case", "events_raw", today, today, reason="court"))
    old = date.fromisoformat(day(OLD))
    legal.place(client, kept.clickhouse_database, LegalHold("older", "events", old, old, reason="court"))
    kept_rows = count(client, "events_raw", f"user_id = '{SOMEONE}' OR driver_id = '{SOMEONE}'")

    with archiving(kept, tmp_path) as work:
        receipt = forgotten(work, request())

    assert receipt.state == "partly held"
    held = {place.where: (place.rows, place.kept, place.holds) for place in receipt.places if place.kept}
    assert held["events_raw"] == (0, kept_rows, ["case"])
    assert held["archive of events"][0] == 0
    assert held["archive of events"][2] == ["older"]
    assert count(client, "events_raw", f"user_id = '{SOMEONE}' OR driver_id = '{SOMEONE}'") == kept_rows > 0
    assert count(client, "events", f"user_id = '{SOMEONE}'") == 0
    assert f"visit-{SOMEONE}" in archived_ids(tmp_path)

    for hold in legal.active(client, kept.clickhouse_database):
        legal.release(client, kept.clickhouse_database, hold)
    with archiving(kept, tmp_path) as work:
        assert forgotten(work, request()).state == "erased"
    assert places(client, SOMEONE, kept) == set()
    assert SOMEONE not in archived_ids(tmp_path)


@pytest.mark.parametrize("rollups", [False])
def test_a_hold_on_somebody_else_keeps_nothing(client: Client, kept: Settings, tmp_path: Path) -> None:
    put(client, kept, aged(19, 1, RIDES, user_id=SOMEONE), "few")
    legal.place(client, kept.clickhouse_database, LegalHold("case", person=OTHER))

    with archiving(kept, tmp_path) as work:
        assert forget.held(work.work, request()) == []
        assert forgotten(work, request()).state == "erased"


def test_another_key_is_refused_before_it_stops_the_workers(client: Client, store: Settings, tmp_path: Path) -> None:
    with archiving(store, tmp_path) as work:
        forget.suppress(work.work, work.ledger, request())
        other = Request(OTHER, "", personal_windows(), Pseudonyms("another key for tests"))
        with pytest.raises(ConfigurationError, match="under another ERASURE_KEY"):
            forget.suppress(work.work, work.ledger, other)

    assert count(client, "suppressions") == 1


def test_pseudonyms_are_nothing_without_the_key() -> None:
    other = Pseudonyms("another key for tests")

    assert KEY.of(SOMEONE) != other.of(SOMEONE)
    assert KEY.fingerprint != other.fingerprint
    assert KEY.of(SOMEONE) != KEY.of(SOMEONE, "rides")
    assert KEY.of("a", "b") != KEY.of("b", "a")
    assert KEY.of(SOMEONE) == Pseudonyms("a key for tests only").of(SOMEONE)
