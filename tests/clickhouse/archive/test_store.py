"""Files in a folder and in an object store are the same to the archive: one suite for both."""

from hashlib import sha256
from pathlib import Path

import pytest

from clickhouse.archive.store import Store
from streams.errors import ConfigurationError, SinkUnavailable
from tests.support.buckets import Bucket

PART = 5 << 20
"""Bytes of one part of an upload at least; what is larger goes in several."""


@pytest.fixture(params=["folder", pytest.param("object store", marks=pytest.mark.faults)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "folder":
        return Store(str(tmp_path / "kept"))
    bucket: Bucket = request.getfixturevalue("bucket")
    return Store(bucket.url)


def test_what_is_written_is_read_and_listed_in_order(store: Store) -> None:
    store.write("table=b/day=1/manifest.json", b"{}")
    store.write("table=a/day=2/manifest.json", b"two")
    with store.output("table=a/day=1/part-00000.parquet") as file:
        file.write(b"one")
        file.write(b"more")
    store.settle("table=a/day=1/part-00000.parquet")

    assert [*store.files("")] == [
        "table=a/day=1/part-00000.parquet",
        "table=a/day=2/manifest.json",
        "table=b/day=1/manifest.json",
    ]
    assert [*store.files("table=b")] == ["table=b/day=1/manifest.json"]
    assert [*store.files("table=none")] == []
    assert store.read("table=a/day=1/part-00000.parquet") == b"onemore"
    store.write("table=b/day=1/manifest.json", b"new")
    assert store.read("table=b/day=1/manifest.json") == b"new"


def test_a_large_file_is_whole(store: Store) -> None:
    blocks = [bytes([number]) * (1 << 20) for number in range(2 * PART // (1 << 20) + 3)]
    with store.output("large") as file:
        for block in blocks:
            file.write(block)

    data = b"".join(blocks)
    assert store.digest("large") == (len(data), sha256(data).hexdigest())


def test_a_folder_goes_with_all_in_it_and_nothing_else(store: Store) -> None:
    for name in ("day=1/a", "day=1/deeper/b", "day=10/c"):
        store.write(name, b"x")

    store.remove("day=1")
    store.remove("day=2")

    assert [*store.files("")] == ["day=10/c"]


def test_what_is_not_there_is_told(store: Store) -> None:
    with pytest.raises(SinkUnavailable, match=r"ARCHIVE_URL: .* cannot be read or written"):
        store.read("none")


@pytest.mark.faults
def test_objects_have_no_drafts_and_messages_no_query(bucket: Bucket) -> None:
    store = Store(bucket.url)
    store.write("day=1/manifest.json", b"{}")

    assert bucket.names() == ["kept/here/day=1/manifest.json"]
    assert store.url == f"s3://{bucket.name}/kept/here"


@pytest.mark.faults
def test_a_bucket_that_is_not_there_or_another_key_is_told(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SinkUnavailable, match="REPORT_DIR: s3://no-such-bucket/x cannot be read or written"):
        Store(bucket.server.url("no-such-bucket/x"), "REPORT_DIR").write("a", b"x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
    with pytest.raises(SinkUnavailable, match="cannot be read or written"):
        Store(bucket.url).write("a", b"x")
    assert bucket.names() == []


@pytest.mark.parametrize(
    ("url", "says"),
    [("http://host/x", "give a folder"), ("s3://key:geheim@bucket/x", "AWS_ACCESS_KEY_ID")],
)
def test_an_address_that_is_none_is_told(url: str, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says) as raised:
        Store(url)
    assert "geheim" not in str(raised.value)
