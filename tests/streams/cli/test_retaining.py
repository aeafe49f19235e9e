"""`millrace retention`, `archive`, `legal-hold` and `forget`, as a person calls them."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client
from pydantic import SecretStr

from clickhouse.client import connect_sync
from streams.errors import ConfigurationError
from streams.settings import Settings
from tests.support.aged import aged, count, day, keep_all, put
from tests.support.invoked import answer, call
from tests.support.lent import Databases
from tests.support.workers import environment

OLD = 740
KEPT = 2555
"""Days for which raw files are kept."""
SOMEONE = "person-7"


@pytest.fixture
def place(
    databases: Databases, metadata_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Settings, Client]]:
    """Settings that commands find in the environment, and a client: tables without the rollups, an own audit log."""
    with databases.lent(rollups=False) as lent:
        own = {"archive_url": str(tmp_path / "archive"), "backup_folder": str(tmp_path / "backups")}
        settings = lent.model_copy(update=own | {"database_url": SecretStr(metadata_url)})
        monkeypatch.chdir(tmp_path)
        for name, value in environment(settings).items():
            monkeypatch.setenv(name, value)
        client = connect_sync(settings)
        yield settings, client
        client.close()


@pytest.fixture
def client(place: tuple[Settings, Client]) -> Client:
    """A client of a database with new rows of somebody, and old ones of another, which leave family tables by TTL."""
    settings, client = place
    put(client, settings, aged(38, 1, user_id="somebody", driver_id="somebody"), "new")
    put(client, settings, aged(38, OLD, user_id=SOMEONE, driver_id=SOMEONE), "old", first=1000)
    return client


@pytest.fixture
def kept(place: tuple[Settings, Client], request: pytest.FixtureRequest) -> Client:
    """The same, whose old rows stay in every table: nothing goes by TTL between two looks at them."""
    settings, client = place
    keep_all(client, settings)
    found: Client = request.getfixturevalue("client")
    return found


@pytest.mark.long
def test_from_a_policy_to_an_archive_and_back(client: Client) -> None:
    tables = {line["table"]: line for line in answer("retention", "status")["tables"]}
    assert (tables["events_raw"]["hot_days"], tables["events_raw"]["cold_days"]) == (90, 730)
    assert tables["location_events"]["cold_days"] == 90
    assert tables["holds"]["then"] == "kept for ever"
    assert tables["events_raw"]["rows"] == 76
    assert "events_raw" in call("retention", "status").output

    [late] = [line for line in answer("retention", "check", code=1)["overdue"] if line["step"] == "archive and drop"]
    assert (late["table"], late["partition"], late["rows"]) == ("events_raw", day(OLD), 38)
    assert [line["partition"] for line in answer("archive", "run", "--dry-run")] == [day(OLD)]
    assert count(client, "events_raw") == 76

    [done] = answer("archive", "run")
    assert (done["table"], done["partition"], done["dropped_rows"]) == ("events_raw", day(OLD), 38)
    assert count(client, "events_raw") == 38
    [listed] = answer("archive", "list")
    assert listed["hash"] == done["hash"]
    assert [line["fault"] for line in answer("archive", "verify")] == [""]
    back = answer("archive", "restore", "events_raw", "--day", day(OLD))
    assert (back["rows"], back["hash"], back["archived_hash"]) == (38, done["hash"], done["hash"])
    assert count(client, "events_raw") == 76
    assert [line["action"] for line in answer("retention", "log")][:4] == ["restore", "drop", "verify", "archive"]


@pytest.mark.long
def test_drift_is_told_and_mended(client: Client) -> None:
    answer("archive", "run")
    answer("retention", "run")
    client.command("ALTER TABLE page_views MODIFY TTL toDate(occurred_at) + toIntervalDay(3)")

    found = answer("retention", "check", code=1)
    assert [line["table"] for line in found["drift"]] == ["page_views"]
    assert "page_views: its TTL is `toDate(occurred_at) + toIntervalDay(3)`" in call("retention", "check").output
    assert "; changed" not in call("retention", "apply", "--dry-run").output
    assert "page_views" in call("retention", "apply").output
    assert call("retention", "apply").output == "every table follows the policy\n"
    assert answer("retention", "check")["drift"] == []


def test_the_plan_says_what_goes_and_when(client: Client) -> None:
    later = answer("retention", "plan", "--until", "2200-01-01")

    steps = {(line["table"], line["step"]) for line in later if line["partition"] == day(1)}
    assert {("events_raw", "move to cold"), ("events_raw", "coarsen"), ("events_raw", "archive and drop")} <= steps
    assert {("location_events", "drop"), ("trip_events", "drop")} <= steps
    assert [line["on"] for line in later] == sorted(line["on"] for line in later)
    assert day(OLD) in call("retention", "plan").output


@pytest.mark.long
def test_the_plan_names_the_files_that_go(client: Client) -> None:
    answer("archive", "run")
    run = f"table=events_raw/day={day(OLD)}/run=1"

    def files(until: str) -> dict[str, tuple[str, int, bool]]:
        lines = [line for line in answer("retention", "plan", "--until", until) if line["step"] == "remove files"]
        return {line["files"]: (line["on"], line["rows"], bool(line["legal_holds"])) for line in lines}

    later = {run: (day(OLD - KEPT), 38, False), f"table=events_raw/day={day(1)}": (day(1 - KEPT), 38, False)}
    assert files("2200-01-01") == later
    assert list(files(day(OLD - KEPT))) == [run]
    assert files(day(OLD - KEPT + 1)) == {}
    assert run in call("retention", "plan", "--until", "2200-01-01").output.replace("\n", "")

    call("legal-hold", "place", "case", "--reason", "court", "--from", day(800), "--to", day(700))
    assert files("2200-01-01") == later | {run: (day(OLD - KEPT), 38, True)}


@pytest.mark.long
def test_a_legal_hold_is_told_by_every_command(client: Client) -> None:
    placed = call("legal-hold", "place", "case", "--reason", "court", "--from", day(800), "--to", day(700))
    assert "millrace legal-hold release case" in placed.output

    assert [hold["name"] for hold in answer("legal-hold", "list")] == ["case"]
    assert [line["legal_holds"] for line in answer("archive", "run", "--dry-run")] == [["legal hold `case` (court)"]]
    [stays] = answer("archive", "run")
    assert stays["why_not"] == f"events_raw {day(OLD)} is kept by legal hold `case` (court)"
    receipt = answer("forget", SOMEONE, "--dry-run", code=1)
    assert {place["where"]: place["holds"] for place in receipt["places"]}["events_raw"] == ["case"]
    with pytest.raises(ConfigurationError, match="no legal hold 'other' is in force; there are case"):
        call("legal-hold", "release", "other")

    call("legal-hold", "release", "case")
    assert answer("legal-hold", "list") == []
    [done] = answer("archive", "run")
    assert done["dropped_rows"] == 38


@pytest.mark.long
def test_a_person_is_forgotten_under_a_hold_that_was_waited_for(kept: Client) -> None:
    answer("archive", "run")
    before = answer("forget", SOMEONE, "--dry-run")
    assert before["state"] == "dry run"
    assert {"archive of events_raw", "trip_events"} <= {place["where"] for place in before["places"]}
    kept.command(
        "INSERT INTO holds (name, reason, held, at) SELECT 'mine', 'maintenance', 1, now() - INTERVAL 1 HOUR",
        settings={"async_insert": 0},
    )

    receipt = answer("forget", SOMEONE)
    (recorded,) = answer("audit", "list")
    assert (recorded["action"], recorded["subject"], recorded["outcome"]) == ("erase", receipt["pseudonym"], "done")
    assert recorded["figures"]["erasure"] == receipt["erasure"]
    assert SOMEONE not in str(recorded)

    assert receipt["state"] == "erased"
    assert receipt["places"] == before["places"]
    assert SOMEONE not in json.dumps(receipt)
    assert "Kafka" in json.dumps(receipt["remains"])
    assert kept.query("SELECT name FROM holds FINAL WHERE held = 1").result_rows == [("mine",)]
    assert "there are no rows of this person" in call("forget", SOMEONE).output
    assert count(kept, "events_raw") == 38


@pytest.mark.long
def test_who_is_listed_and_has_rows_again_is_forgotten_again(kept: Client, place: tuple[Settings, Client]) -> None:
    """As after a restore by other means than ours: nobody gives an id, and others are left alone."""
    kept.command(
        "INSERT INTO holds (name, reason, held, at) SELECT 'mine', 'maintenance', 1, now() - INTERVAL 1 HOUR",
        settings={"async_insert": 0},
    )
    first = answer("forget", SOMEONE)
    assert "nobody who is listed as erased has rows" in call("forget", "--listed").output
    kept.command("TRUNCATE TABLE suppressions")
    put(kept, place[0], aged(38, 1, user_id=SOMEONE, driver_id=SOMEONE), "back", first=5000)
    theirs = f"user_id = '{SOMEONE}' OR driver_id = '{SOMEONE}'"
    rows = count(kept, "events_raw", theirs)

    [told] = answer("forget", "--listed", "--dry-run")
    assert (count(kept, "events_raw", theirs), count(kept, "suppressions")) == (rows, 0)
    [receipt] = answer("forget", "--listed")

    assert (told["pseudonym"], told["state"]) == (first["pseudonym"], "dry run")
    assert (receipt["state"], receipt["places"]) == ("erased", told["places"])
    assert {place["where"]: place["rows"] for place in receipt["places"]}["events_raw"] == rows > 0
    assert (count(kept, "events_raw", theirs), count(kept, "events_raw")) == (0, 38)
    assert [each["subject"] for each in answer("audit", "list")] == [first["pseudonym"]] * 2
    with pytest.raises(ConfigurationError, match="leave USER_ID and --domain out"):
        call("forget", SOMEONE, "--listed")
    with pytest.raises(ConfigurationError, match="USER_ID is missing"):
        call("forget")


def test_a_person_under_a_hold_of_their_own_is_not_forgotten(client: Client) -> None:
    call("legal-hold", "place", "case", "--reason", "court", "--person", SOMEONE)

    receipt = answer("forget", SOMEONE, code=1)

    assert receipt["state"] == "held"
    assert {tuple(place["holds"]) for place in receipt["places"]} == {("case",)}
    assert count(client, "events_raw") == 76
    assert count(client, "suppressions") == 0


REFUSED = {
    "archive run --until 2200-01-01": "--until 2200-01-01 is too late",
    "archive run --until soon": "--until soon: give a day as YYYY-MM-DD",
    "archive restore events --day 2020-01-01": "has no events of 2020-01-01",
    "legal-hold place a --reason b --table c": "--table c: there is no such table",
    "legal-hold place a/b --reason b": "'a/b': use up to 64 letters",
    "legal-hold place a --reason b --domain c": "--domain c: there are rides, ticketing",
    "legal-hold place a --reason b --from 2026-02-01 --to 2026-01-01": "is after --to",
    "forget a --domain b": "--domain b: there are",
}


def test_what_cannot_be_is_refused(client: Client) -> None:
    for words, message in REFUSED.items():
        with pytest.raises(ConfigurationError, match=message):
            call(*words.split())
    with pytest.raises(ConfigurationError, match="USER_ID is empty"):
        call("forget", " ")
    assert answer("legal-hold", "list") == []
