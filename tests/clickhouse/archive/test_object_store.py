"""The archive in an object store: days leave ClickHouse after they were read back from objects, and come back."""

from datetime import date

import pytest
from clickhouse_connect.driver.client import Client

from clickhouse.archive import job, manifest
from clickhouse.archive.files import ArchiveDamaged
from clickhouse.archive.restore import restore
from clickhouse.archive.rowhash import content
from clickhouse.archive.store import Store
from streams.errors import SinkUnavailable
from streams.settings import Settings
from tests.support.aged import aged, archiving, count, day, put
from tests.support.buckets import Bucket

OLD = 740


@pytest.fixture
def rollups() -> bool:
    """What is archived has fed them already."""
    return False


@pytest.mark.faults
def test_a_day_goes_to_objects_and_comes_back_as_it_was(client: Client, store: Settings, bucket: Bucket) -> None:
    put(client, store, aged(190, OLD), "old")
    with archiving(store, bucket.url) as work:
        columns = [*work.work.columns("events_raw")]
        before = content(client, "events_raw", columns)
        assert [(each.due.partition.name, each.left and each.left.rows) for each in job.run(work)] == [(day(OLD), 190)]
    assert count(client, "events_raw") == 0
    folder = f"kept/here/table=events_raw/day={day(OLD)}/run=1"
    assert bucket.names() == [f"{folder}/manifest.json", f"{folder}/part-00000.parquet"]

    with archiving(store, bucket.url) as work:
        [kept] = manifest.manifests(work.store)
        assert (kept.rows, kept.hash) == (before.rows, before.hash)
        came = restore([work], "events_raw", date.fromisoformat(day(OLD)), 30)
    assert (came.rows, came.hash) == (before.rows, before.hash)
    assert content(client, "events_raw", columns) == before


@pytest.mark.parametrize("how", ["on its disk", "replaced"])
@pytest.mark.faults
def test_a_damaged_object_stops_the_drop(how: str, client: Client, store: Settings, bucket: Bucket) -> None:
    put(client, store, aged(19, OLD), "old")

    def watch(step: str) -> None:
        if step == "read back":
            (found,) = bucket.folder.rglob("*.parquet")
            data = bytearray(found.read_bytes())
            data[4000] ^= 1
            if how == "replaced":
                Store(bucket.url).write(str(found.relative_to(bucket.folder / "kept/here")), bytes(data))
            else:
                found.write_bytes(data)  # which the checksum tells that S3 keeps of every object

    with archiving(store, bucket.url, watch) as work, pytest.raises((ArchiveDamaged, SinkUnavailable)) as raised:
        [*job.run(work)]

    assert ("Response checksums mismatch", "part-00000.parquet has")[how == "replaced"] in str(raised.value)
    assert f"s3://{bucket.name}/kept/here" in str(raised.value)
    assert count(client, "events_raw") == 19
