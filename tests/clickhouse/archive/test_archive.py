"""Days leave ClickHouse only after they were read back from files, and come back as they were."""

import json
from datetime import date
from hashlib import sha256
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
from clickhouse_connect.driver.client import Client

from clickhouse import legal
from clickhouse.archive import job, manifest
from clickhouse.archive.day import Watch, archive
from clickhouse.archive.files import ArchiveDamaged
from clickhouse.archive.restore import restore
from clickhouse.archive.rowhash import content
from clickhouse.legal import LegalHold
from clickhouse.retention import rules
from clickhouse.retention.ledger import Ledger
from streams.errors import ConfigurationError
from streams.events.domains import TICKETING
from streams.settings import Settings
from tests.support.aged import aged, archiving, count, day, family_rows, partition, put

OLD = 740
STEPS = [
    "write the manifest",
    *(
        pytest.param(step, marks=pytest.mark.faults)
        for step in ("write files", "read back", "look at the holds", "move aside", "compare", "drop")
    ),
]


@pytest.fixture
def rollups() -> bool:
    """What is archived has fed them already."""
    return False


class Killed(Exception):
    """Stands for the end of the process."""


def killed_at(step: str) -> Watch:
    """Ends the job before a step."""

    def watch(now: str) -> None:
        if now == step:
            raise Killed

    return watch


def hashed(client: Client, table: str = "events_raw", where: str = "1") -> tuple[int, str]:
    """Rows and hash of a table, over all columns."""
    here = "database = currentDatabase() AND table = {table:String}"
    sql = f"SELECT name FROM system.columns WHERE {here} ORDER BY position"
    names = [str(name) for (name,) in client.query(sql, parameters={"table": table}).result_rows]
    found = content(client, table, names, where)
    return found.rows, found.hash


def ran(settings: Settings, folder: Path) -> list[tuple[str, str, int]]:
    """Run the job: table, day and rows dropped."""
    with archiving(settings, folder) as work:
        done = list(job.run(work))
    return [(o.due.partition.table.name, o.due.partition.name, o.left.rows if o.left else 0) for o in done]


def test_what_is_due_is_archived_and_what_is_not_stays(client: Client, store: Settings, tmp_path: Path) -> None:
    put(client, store, aged(190, OLD), "old")
    put(client, store, aged(60, OLD, TICKETING), "ticketing")
    put(client, store, aged(19, 731), "nearly")
    put(client, store, aged(19, 1), "new")
    before = hashed(client, where=f"toDate(occurred_at) = '{day(OLD)}'")

    assert sorted(ran(store, tmp_path)) == [("events", day(OLD), 60), ("events_raw", day(OLD), 190)]

    assert count(client, "events_raw") == 38
    assert count(client, "events") == 0
    found = json.loads((tmp_path / f"table=events_raw/day={day(OLD)}/run=1/manifest.json").read_text())
    assert (found["rows"], found["hash"]) == before
    assert found["min_time"].startswith(day(OLD))
    assert len(found["columns"]) == len(found["types"]) > 70
    assert ran(store, tmp_path) == []
    lines = Ledger(client, store.clickhouse_database, "").newest(100)
    assert [line.action for line in lines if line.table == "events_raw"] == ["drop", "verify", "archive"]


def test_files_are_cut_at_a_number_of_rows_and_are_plain_parquet(
    client: Client, store: Settings, tmp_path: Path
) -> None:
    put(client, store, aged(190, OLD), "old")

    ran(store.model_copy(update={"archive_file_rows": 50}), tmp_path)

    files = sorted(tmp_path.rglob("*.parquet"))
    assert [pyarrow.parquet.read_metadata(file).num_rows for file in files] == [50, 50, 50, 40]
    folder = f"table=events_raw/day={day(OLD)}/run=1"
    assert {file.parent for file in files} == {tmp_path / folder}
    group = pyarrow.parquet.read_metadata(files[0]).row_group(0).column(0)
    assert group.compression == "ZSTD"
    table = pyarrow.parquet.read_table(files)
    assert table.num_rows == 190
    assert str(table.schema.field("occurred_at").type) == "timestamp[ms, tz=UTC]"
    assert str(table.schema.field("fare").type) == "decimal128(18, 4)"


def test_a_day_comes_back_as_it_was_and_feeds_no_view(client: Client, store: Settings, tmp_path: Path) -> None:
    for table in family_rows(client):
        client.command(f"ALTER TABLE {table} REMOVE TTL")  # which would drop such old rows in the middle of the test
    put(client, store, aged(190, OLD), "old")
    before, families = hashed(client), family_rows(client)
    ran(store, tmp_path)
    assert count(client, "events_raw") == 0

    with archiving(store, tmp_path) as work:
        came = restore([work], "events_raw", date.fromisoformat(day(OLD)), 30)

    assert (came.rows, came.hash) == before == hashed(client)
    assert family_rows(client) == families
    with archiving(store, tmp_path) as work:
        with pytest.raises(ConfigurationError, match=r"events_raw has 190 rows of .* already"):
            restore([work], "events_raw", date.fromisoformat(day(OLD)), 30)
        assert list(job.run(work)) == []  # it was asked for, so it stays for a while


@pytest.mark.long
def test_a_restored_day_goes_again_without_being_written_again(client: Client, store: Settings, tmp_path: Path) -> None:
    put(client, store, aged(190, OLD), "old")
    ran(store, tmp_path)
    with archiving(store, tmp_path) as work:
        restore([work], "events_raw", date.fromisoformat(day(OLD)), 0)
    written = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}

    assert ran(store, tmp_path) == [("events_raw", day(OLD), 190)]

    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()} == written
    assert count(client, "events_raw") == 0


@pytest.mark.long
def test_rows_that_come_after_the_drop_make_a_run_of_their_own(client: Client, store: Settings, tmp_path: Path) -> None:
    put(client, store, aged(190, OLD), "old")
    before = hashed(client)
    ran(store, tmp_path)
    put(client, store, aged(19, OLD, seed=8), "late", first=1000)
    late = hashed(client)

    assert ran(store, tmp_path) == [("events_raw", day(OLD), 19)]

    with archiving(store, tmp_path) as work:
        runs = manifest.manifests(work.store, "events_raw", day(OLD))
        assert [(each.run, each.rows, each.hash) for each in runs] == [(1, *before), (2, *late)]
        restore([work], "events_raw", date.fromisoformat(day(OLD)), 30)
    assert count(client, "events_raw") == 209


@pytest.mark.parametrize("step", STEPS)
def test_a_job_that_is_killed_anywhere_loses_and_doubles_nothing(
    step: str, client: Client, store: Settings, tmp_path: Path
) -> None:
    put(client, store, aged(190, OLD), "old")
    before = hashed(client)

    with archiving(store, tmp_path, killed_at(step)) as work, pytest.raises(Killed):
        archive(work, partition(work, "events_raw", day(OLD)))
    aside = step in ("compare", "drop")
    if aside:
        assert count(client, "events_raw") == 0
        assert ran(store, tmp_path) == [("events_raw", day(OLD), 190)]
    put(client, store, aged(19, OLD, seed=8), "late", first=1000)
    assert ran(store, tmp_path) == [("events_raw", day(OLD), 19 if aside else 209)]

    assert count(client, "events_raw") == 0
    with archiving(store, tmp_path) as work:
        came = restore([work], "events_raw", date.fromisoformat(day(OLD)), 30)
    assert came.rows == 209
    late = "chain IN (SELECT chain FROM events_raw) AND offset >= 1000"
    assert hashed(client, where=f"NOT ({late})") == before
    left = client.query("SELECT name FROM system.tables WHERE database = currentDatabase() AND name LIKE 'passing%'")
    assert left.result_rows == []


@pytest.mark.long
def test_a_row_that_comes_between_read_back_and_drop_stops_the_drop(
    client: Client, store: Settings, tmp_path: Path
) -> None:
    """Of a day that the archive does not have yet, and of one that it has a part of."""
    sent = 0
    for already in (0, 1):
        put(client, store, aged(19, OLD, seed=already), f"old {already}", first=1000 * already)

        def watch(step: str, already: int = already) -> None:
            if step == "move aside":
                put(client, store, aged(19, OLD, seed=8 + already), f"late {already}", first=2000 + 1000 * already)

        with archiving(store, tmp_path, watch) as work:
            assert archive(work, partition(work, "events_raw", day(OLD))).rows == 0
        assert count(client, "events_raw") == 38

        assert ran(store, tmp_path) == [("events_raw", day(OLD), 38)]
        sent += 38
    with archiving(store, tmp_path) as work:
        assert [each.rows for each in manifest.manifests(work.store)] == [19, 19, 19, 19]
        assert restore([work], "events_raw", date.fromisoformat(day(OLD)), 30).rows == sent


def flip(file: Path, at: int) -> None:
    """Change one bit."""
    data = bytearray(file.read_bytes())
    data[at] ^= 1
    file.write_bytes(data)


def test_a_damaged_file_stops_the_drop(client: Client, store: Settings, tmp_path: Path) -> None:
    put(client, store, aged(190, OLD), "old")
    before = hashed(client)

    def watch(step: str) -> None:
        if step == "read back":
            flip(next(tmp_path.rglob("*.parquet")), 4000)

    words = r"part-00000.parquet has \d+ bytes"
    with archiving(store, tmp_path, watch) as work, pytest.raises(ArchiveDamaged, match=words):
        archive(work, partition(work, "events_raw", day(OLD)))

    assert hashed(client) == before


def test_files_that_are_whole_but_hold_other_rows_stop_the_drop(
    client: Client, store: Settings, tmp_path: Path
) -> None:
    """As if the export had changed a value: every digest is right, and the rows are not."""
    put(client, store, aged(190, OLD), "old")
    before = hashed(client)

    def watch(step: str) -> None:
        if step != "read back":
            return
        [file], [record] = list(tmp_path.rglob("*.parquet")), list(tmp_path.rglob("manifest.json"))
        table = pyarrow.parquet.read_table(file, partitioning=None)
        at = table.schema.get_field_index("tip")
        none = pyarrow.array([0] * 190, pyarrow.decimal128(18, 4))
        pyarrow.parquet.write_table(table.set_column(at, table.schema.field(at), none), file)
        text = json.loads(record.read_text())
        text["files"][0] |= {"sha256": sha256(file.read_bytes()).hexdigest()}
        record.write_text(json.dumps(text))

    with archiving(store, tmp_path, watch) as work, pytest.raises(ArchiveDamaged, match="was read back as 190 rows"):
        archive(work, partition(work, "events_raw", day(OLD)))

    assert hashed(client) == before


@pytest.mark.faults
def test_a_damaged_archive_stops_the_drop_of_a_restored_day_too(
    client: Client, store: Settings, tmp_path: Path
) -> None:
    put(client, store, aged(190, OLD), "old")
    ran(store, tmp_path)
    with archiving(store, tmp_path) as work:
        restore([work], "events_raw", date.fromisoformat(day(OLD)), 0)
    flip(next(tmp_path.rglob("*.parquet")), 4000)

    with pytest.raises(ArchiveDamaged):
        ran(store, tmp_path)

    assert count(client, "events_raw") == 190


@pytest.mark.long
def test_a_held_day_stays_until_the_hold_is_released(client: Client, store: Settings, tmp_path: Path) -> None:
    put(client, store, aged(19, OLD), "held")
    put(client, store, aged(19, OLD + 1), "free")
    hold = LegalHold("case", "events_raw", date.fromisoformat(day(OLD)), date.fromisoformat(day(OLD)), reason="court")
    legal.place(client, store.clickhouse_database, hold)

    assert ran(store, tmp_path) == [("events_raw", day(OLD + 1), 19), ("events_raw", day(OLD), 0)]
    [refused] = Ledger(client, store.clickhouse_database, "").newest(1)
    assert refused.action == "refused"
    assert refused.detail == f"events_raw {day(OLD)} is kept by legal hold `case` (court)"

    legal.release(client, store.clickhouse_database, hold)
    assert ran(store, tmp_path) == [("events_raw", day(OLD), 19)]


def test_a_hold_that_comes_while_a_day_is_archived_stops_the_drop(
    client: Client, store: Settings, tmp_path: Path
) -> None:
    put(client, store, aged(19, OLD), "old")

    def watch(step: str) -> None:
        if step == "look at the holds":
            legal.place(client, store.clickhouse_database, LegalHold("case", domain="rides"))

    with archiving(store, tmp_path, watch) as work:
        [outcome] = job.run(work)
    assert "legal hold `case`" in outcome.why
    assert count(client, "events_raw") == 19


def test_a_hold_on_a_person_keeps_the_days_that_the_person_is_in(
    client: Client, store: Settings, tmp_path: Path
) -> None:
    put(client, store, aged(19, OLD, user_id="someone"), "with")
    put(client, store, aged(19, OLD + 1), "without")
    legal.place(client, store.clickhouse_database, LegalHold("case", person="someone"))

    assert ran(store, tmp_path) == [("events_raw", day(OLD + 1), 19), ("events_raw", day(OLD), 0)]


def test_a_day_that_may_still_receive_rows_is_never_archived(client: Client, store: Settings, tmp_path: Path) -> None:
    """Validation accepts events up to METRICS_COLD_DAYS; the job begins two days later."""
    put(client, store, aged(19, 731), "nearly")
    put(client, store, aged(19, 732), "just")
    policy = rules.load(store)

    with archiving(store, tmp_path) as work:
        with pytest.raises(ConfigurationError, match=f"days after {day(732)} are in cold storage"):
            job.due_days(work, date.fromisoformat(day(731)))
        assert [each.partition.name for each in job.due_days(work, None)] == [day(732)]
        assert job.due_days(work, date.fromisoformat(day(740))) == []
    assert policy.of("events_raw", "MergeTree").end == store.metrics_cold_days


def test_files_go_when_their_class_says_so_unless_they_are_held(
    client: Client, store: Settings, tmp_path: Path
) -> None:
    put(client, store, aged(19, OLD), "old")
    ran(store, tmp_path)
    short = tmp_path / "short.toml"
    raw = '[raw]\ntables = ["events_raw"]\nhot = 9\ncold = 731\narchive = 735\n'
    short.write_text(f'{raw}[all]\ndefault = true\nhot = "ever"')
    shorter = store.model_copy(update={"retention_policy_file": short})
    hold = LegalHold("case", "events_raw")
    legal.place(client, store.clickhouse_database, hold)
    ran(shorter, tmp_path)
    assert len(list(tmp_path.rglob("*.parquet"))) == 1

    legal.release(client, store.clickhouse_database, hold)
    ran(shorter, tmp_path)

    assert list(tmp_path.rglob("*.parquet")) == []


def test_the_hash_tells_null_from_empty_and_one_field_from_two(client: Client) -> None:
    """Values that run together in a plain concatenation, or are lost by a hash that skips NULL."""
    pairs = ["(NULL, 'a', '')", "('', 'a', '')", "('a', NULL, '')", "('a', '', '')", "('', '', 'a')", "('aa', '', '')"]
    found = set()
    for pair in pairs:
        columns = "a Nullable(String), b Nullable(String), c String"
        client.command(f"CREATE OR REPLACE TABLE h ({columns}) ENGINE = MergeTree ORDER BY c")
        client.command(f"INSERT INTO h VALUES {pair}", settings={"async_insert": 0})
        found.add(content(client, "h", ["a", "b", "c"]).hash)
    assert len(found) == len(pairs)


def test_the_hash_of_a_rest_is_that_of_all_without_the_part(client: Client) -> None:
    client.command("CREATE TABLE h (n UInt64) ENGINE = MergeTree ORDER BY n")
    client.command("INSERT INTO h SELECT number % 900 FROM numbers(1000)", settings={"async_insert": 0})

    whole, part, rest = (content(client, "h", ["n"], where) for where in ("1", "n < 100", "n >= 100"))

    assert whole.without(part) == rest
    assert part.with_(rest) == whole


def test_files_that_have_lost_their_manifest_are_never_removed(client: Client, store: Settings, tmp_path: Path) -> None:
    put(client, store, aged(19, OLD), "old")
    ran(store, tmp_path)
    [lost] = tmp_path.rglob("manifest.json")
    lost.unlink()
    put(client, store, aged(19, OLD, seed=8), "late", first=1000)

    with pytest.raises(ConfigurationError, match="has lost its manifest"):
        ran(store, tmp_path)

    assert len(list(tmp_path.rglob("*.parquet"))) == 1
    assert count(client, "events_raw") == 19
