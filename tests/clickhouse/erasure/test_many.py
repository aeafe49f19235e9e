"""A person of more visits than one statement takes, and one whose rows lie on several ClickHouse shards."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client

from clickhouse import persons
from clickhouse.archive import job, manifest
from clickhouse.archive.passing import Work
from clickhouse.erasure import forget
from clickhouse.erasure.forget import Request
from clickhouse.retention.ledger import Ledger
from streams.events.domains import TICKETING
from streams.persons import Pseudonyms
from streams.settings import Settings
from tables.personal import personal_windows
from tests.support.aged import aged, archiving, count, keep_all, put
from tests.support.lent import Databases

SOMEONE, OTHER = "person-7", "person-77"
REQUEST = Request(SOMEONE, "", personal_windows(), Pseudonyms("a key for tests only"))
VISITS = 20_000
LONGEST_FIELD = 128 << 10
"""Bytes of a parameter that ClickHouse takes (http_max_field_value_size)."""
MANY = """
INSERT INTO events (event_id, event_type, occurred_at, ingested_at, topic, offset, user_id, session_id)
SELECT toString(number), 'page.viewed', now64(3) - INTERVAL 1 DAY, now64(3), 'ticketing.pages', number,
    if(number % 2, NULL, {person:String}),
    concat('0198c7de-0000-7000-8000-', leftPad(toString(intDiv(number, 2)), 12, '0'))
FROM numbers({rows:UInt64})
"""
"""Of each visit a row that names the person, and one that names nobody."""


@pytest.fixture
def rollups() -> bool:
    """No id of a visit is in them."""
    return False


def test_ids_are_cut_into_lists_that_each_fit_into_a_parameter() -> None:
    ids = [f"{n:06d}-{'ä' * 190}" for n in range(3000)]

    found = list(persons.portions(ids))

    assert [each for portion in found for each in portion] == ids
    assert len(found) > 1
    assert max(len(str(portion).encode()) for portion in found) <= LONGEST_FIELD / 2
    assert list(persons.portions([])) == []
    assert list(persons.portions(["x" * LONGEST_FIELD, "y"])) == [["x" * LONGEST_FIELD], ["y"]]


@pytest.mark.long
def test_a_person_of_very_many_visits_is_gone_with_all_of_them(client: Client, store: Settings, tmp_path: Path) -> None:
    keep_all(client, store)
    client.command(MANY, parameters={"person": SOMEONE, "rows": 2 * VISITS}, settings={"async_insert": 0})
    put(client, store, aged(26, 1, TICKETING, user_id=OTHER), "other", first=10 * VISITS)

    with archiving(store, tmp_path) as work:
        expected = forget.find([work.work], work, REQUEST)
        receipt = forget.erase([work.work], work, work.ledger, REQUEST)

    rows = {place.where: place.rows for place in receipt.places}
    assert receipt.places == expected
    assert (rows["events"], rows["page_views"]) == (2 * VISITS, 2 * VISITS)
    assert count(client, "events", "startsWith(ifNull(session_id, ''), '0198c7de')") == 0
    assert count(client, "events") == 26, "those of the other person"


@pytest.mark.long
def test_a_run_of_the_archive_is_written_again_for_each_list(
    client: Client, store: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_all(client, store)
    for n, (visit, who) in enumerate([(v, w) for v in ("one", "two", "three") for w in (SOMEONE, None)]):
        events = aged(26, 740, TICKETING, n, user_id=who, session_id=visit)
        put(client, store, [each for each in events if "session_id" in each["data"]], f"{n}", first=100 * n)
    put(client, store, aged(26, 740, TICKETING, 9, user_id=OTHER, session_id="other"), "other", first=5000)
    monkeypatch.setattr(persons, "PORTION_BYTES", 8)

    with archiving(store, tmp_path) as work:
        list(job.run(work))
        [before] = manifest.manifests(work.store)
        receipt = forget.erase([work.work], work, work.ledger, REQUEST)
        [after] = manifest.manifests(work.store)

    archived = {place.where: place.rows for place in receipt.places}["archive of events"]
    assert after.erased == archived == before.rows - after.rows
    assert after.run == before.run + 4, "once for each of three visits, once for what names the person"
    assert after.rows == 26, "those of the other person"


@pytest.fixture
def shards(databases: Databases) -> Iterator[list[Settings]]:
    """Two databases, as two ClickHouse shards have them."""
    with databases.lent(rollups=False) as one, databases.lent(rollups=False) as two:
        yield [one, two]


def visit(settings: Settings, client: Client, name: str, people: Sequence[str | None], first: int) -> None:
    for n, who in enumerate(people):
        events = aged(26, 1, TICKETING, n, user_id=who, session_id=name)
        events = [each for each in events if "session_id" in each["data"]]
        put(client, settings, events, f"{name}-{n}", first=first + 100 * n)


def log_of(work: Work) -> Ledger:
    return Ledger(work.client, work.database, "tests")


def test_what_one_shard_knows_of_a_visit_counts_on_the_other(
    shards: list[Settings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A visit is the person's though another shard has the rows that name nobody, and shared though it names them."""
    monkeypatch.setattr(persons, "PORTION_BYTES", 8)  # each visit is asked for by itself
    with ExitStack() as stack:
        work = [stack.enter_context(archiving(each, tmp_path)).work for each in shards]
        clients = [each.client for each in work]
        for each, settings in zip(clients, shards, strict=True):
            keep_all(each, settings)
        visit(shards[0], clients[0], "own", [SOMEONE], 0)
        visit(shards[1], clients[1], "own", [None], 0)
        visit(shards[0], clients[0], "shared", [SOMEONE, None], 1000)
        visit(shards[1], clients[1], "shared", [OTHER], 1000)
        before = [count(each, "events") for each in clients]
        stays = count(clients[0], "events", "session_id = 'shared' AND user_id IS NULL")

        expected = forget.find(work, None, REQUEST)
        receipt = forget.erase(work, None, log_of(work[0]), REQUEST)
        again = forget.erase(work, None, log_of(work[0]), REQUEST)

        assert receipt.places == expected
        gone = {place.where: place.rows for place in receipt.places}["events"]
        assert [count(each, "events", "session_id = 'own'") for each in clients] == [0, 0]
        assert gone == sum(before) - sum(count(each, "events") for each in clients)
        assert count(clients[0], "events", "session_id = 'shared' AND user_id IS NULL") == stays > 0
        assert count(clients[1], "events", f"user_id = '{OTHER}'") > 0
        assert again.places == []
