"""Erased persons whose rows come back are found by the key alone, and erased again."""

from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client

from clickhouse.erasure import again, beside, forget
from clickhouse.erasure.forget import Request
from streams.errors import ConfigurationError
from streams.persons import Pseudonyms
from streams.settings import Settings
from tests.support.aged import aged, archiving, count, put

SOMEONE, OTHER = "person-7", "person-77"
KEY = Pseudonyms("a key for tests only")


@pytest.fixture
def rollups() -> bool:
    """These have none of a person's rows that families have not."""
    return False


@pytest.fixture
def backed(store: Settings, tmp_path: Path) -> Settings:
    """A store with a folder for backups."""
    return store.model_copy(update={"backup_folder": str(tmp_path / "backups")})


def rows(client: Client) -> int:
    return count(client, "events_raw", f"user_id = '{SOMEONE}'")


def test_rows_that_come_back_with_a_database_that_does_not_know_go_again(
    client: Client, backed: Settings, tmp_path: Path
) -> None:
    """As after a restore of a backup that is older than the erasure: the list in ClickHouse is gone as well."""
    for n, who in enumerate((SOMEONE, OTHER)):
        put(client, backed, aged(19, 1, user_id=who), who, first=100 * n)
    with archiving(backed, tmp_path / "archive") as work:
        forget.suppress(work.work, work.ledger, Request(SOMEONE, "", [], KEY))
        forget.erase([work.work], work, work.ledger, Request(SOMEONE, "", [], KEY))
    [listed] = beside.read(tmp_path / "backups")
    assert (listed.pseudonym, listed.key) == (KEY.of(SOMEONE), KEY.fingerprint)
    assert SOMEONE not in (tmp_path / "backups" / beside.NAME).read_text("utf-8")
    client.command("TRUNCATE TABLE suppressions")
    put(client, backed, aged(19, 1, user_id=SOMEONE), "back", first=1000)
    others = count(client, "events_raw", f"user_id = '{OTHER}'")
    assert rows(client)

    with archiving(backed, tmp_path / "archive") as work:
        assert again.missing(work.work) == [listed]
        [found] = again.requests([work.work], [], KEY)
        assert found.person == SOMEONE
        again.tell(work.work)
        receipt = again.erase([work.work], work, work.ledger, found)
        assert again.missing(work.work) == []
        assert again.requests([work.work], [], KEY) == []

    assert receipt.state == "erased"
    assert (rows(client), count(client, "events_raw", f"user_id = '{OTHER}'")) == (0, others)
    assert client.query("SELECT pseudonym FROM suppressions FINAL").result_rows == [(KEY.of(SOMEONE),)]


@pytest.mark.parametrize(
    ("column", "text"), [("key", SOMEONE), ("value", '{"data": {"driver_id": "person-7"}, "time": 7}')]
)
def test_a_person_of_whom_a_dead_letter_is_left_is_found(
    column: str, text: str, client: Client, backed: Settings, tmp_path: Path
) -> None:
    client.command(
        f"INSERT INTO dead_letters (ingested_at, topic, {column}) SELECT now64(3), 'rides.user', {{text:String}}",
        parameters={"text": text},
        settings={"async_insert": 0},
    )
    with archiving(backed, tmp_path / "archive") as work:
        assert SOMEONE in set(again.ids(work.work, ["ticketing.sessions"]))
        forget.suppress(work.work, work.ledger, Request(SOMEONE, "rides", [], KEY))
        [found] = again.requests([work.work], [], KEY)
    assert (found.person, found.domain) == (SOMEONE, "rides")


def test_another_key_or_none_is_refused(backed: Settings, tmp_path: Path) -> None:
    with archiving(backed, tmp_path / "archive") as work:
        assert again.requests([work.work], [], None) == []
        forget.suppress(work.work, work.ledger, Request(SOMEONE, "", [], KEY))
        for key in (None, Pseudonyms("another key for tests")):
            with pytest.raises(ConfigurationError, match="ERASURE_KEY is not set or is another one"):
                again.requests([work.work], [], key)


def test_a_list_that_cannot_be_read_is_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    (tmp_path / beside.NAME).write_text("[{")
    with pytest.raises(ConfigurationError, match="is no list of erasures"):
        beside.read(tmp_path)


def test_who_cannot_be_listed_beside_the_backups_is_not_erased(
    client: Client, backed: Settings, tmp_path: Path
) -> None:
    (tmp_path / "backups").write_text("no folder")
    with (
        archiving(backed, tmp_path / "archive") as work,
        pytest.raises(ConfigurationError, match=r"erasures\.json cannot be"),
    ):
        forget.suppress(work.work, work.ledger, Request(SOMEONE, "", [], KEY))
    assert count(client, "suppressions") == 0


def test_a_person_is_listed_beside_the_backups_once(backed: Settings, tmp_path: Path) -> None:
    with archiving(backed, tmp_path / "archive") as work:
        for domain in ("", "rides", ""):
            forget.suppress(work.work, work.ledger, Request(SOMEONE, domain, [], KEY))
    assert [each.domain for each in beside.read(tmp_path / "backups")] == ["", "rides"]
