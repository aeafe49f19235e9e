"""Header names that are no text, wherever they stand in a fetch: every record is read once, in order."""

import os
import subprocess
import sys
import weakref
from collections.abc import Sequence
from pathlib import Path

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer.fetcher import READ_COMMITTED
from aiokafka.errors import CorruptRecordException
from aiokafka.record.memory_records import MemoryRecords
from hypothesis import given
from hypothesis import strategies as st

from streams.headers import as_bytes, as_text, is_text, unreadable
from streams.records import KeptRecords, TolerantRecords
from tests.support.batches import Given, builder

names = st.binary(max_size=6).map(lambda name: name.decode("utf-8", "surrogateescape"))
headers = st.lists(st.tuples(names, st.none() | st.binary(max_size=4)), max_size=3)
given_records = st.tuples(st.none() | st.binary(max_size=4), st.none() | st.binary(max_size=4), headers)
batches = st.lists(st.tuples(st.lists(given_records, min_size=1, max_size=4), st.sampled_from([0, 3])), max_size=5)


def fetch(made: Sequence[tuple[Sequence[Given], int]]) -> bytes:
    """The batches as a broker sends them, one behind the other."""
    data = b""
    offset = 0
    for records, codec in made:
        batch = bytearray(builder(records, codec).build())
        batch[:8] = offset.to_bytes(8, "big")
        data += batch
        offset += len(records)
    return data


def reader(data: bytes, offset: int = 0) -> TolerantRecords:
    return TolerantRecords(TopicPartition("t", 0), KeptRecords(data), None, offset, None, None, True, READ_COMMITTED)


@given(batches, st.data(), st.binary(max_size=20))
def test_every_record_is_read_once_from_any_offset(
    made: list[tuple[list[Given], int]], data: st.DataObject, cut_off: bytes
) -> None:
    wanted = [(*record[:2], tuple(record[2])) for records, _ in made for record in records]
    offset = data.draw(st.integers(0, len(made[0][0]) - 1)) if made else 0  # a fetch begins with the batch asked for
    read = reader(fetch(made) + cut_off[:11], offset)
    found = list(read)
    assert [(record.key, record.value, record.headers) for record in found] == wanted[offset:]
    assert [record.offset for record in found] == list(range(offset, len(wanted)))
    assert read.next_fetch_offset == len(wanted)


@given(batches, st.data(), st.integers(1, 9))
def test_by_the_batch_every_record_is_read_once_too(
    made: list[tuple[list[Given], int]], data: st.DataObject, limit: int
) -> None:
    offset = data.draw(st.integers(0, len(made[0][0]) - 1)) if made else 0
    read, found = reader(fetch(made), offset), []
    while taken := read.take(limit):
        found += taken
        assert read.position == taken[-1].offset + 1
        assert len(taken) <= limit
    assert [(record.offset, record.key, record.value) for record in found] == [
        (record.offset, record.key, record.value) for record in reader(fetch(made), offset)
    ]


def test_a_fetch_that_was_read_lets_go_of_its_bytes_at_once() -> None:
    read = reader(fetch([([(b"k", b"v", [])], 0)] * 3))
    gone = weakref.ref(read)
    assert len(read.take(9)) == 3
    del read
    assert gone() is None


def test_what_lies_before_a_broken_batch_is_not_lost() -> None:
    whole = fetch([([(b"k", b"v", [])], 0)] * 3)
    read = reader(whole[:-1] + b"\x01")
    assert [record.offset for record in read.take(9)] == [0, 1]
    assert read.position == 2
    with pytest.raises(CorruptRecordException, match="CRC"):
        reader(whole[:-1] + b"\x01", 2).take(9)


def test_a_batch_that_is_broken_in_another_way_still_says_so() -> None:
    whole = fetch([([(b"k", b"v", [("x\udcff", b"")])], 0)] * 2)
    broken = whole[:-1] + b"\x01"
    read = reader(broken)
    assert next(read).offset == 0
    with pytest.raises(CorruptRecordException, match="CRC"):
        next(read)


def test_aiokafka_alone_stops_there() -> None:
    """Should it read such names one day, `streams.records` can go."""
    batch = MemoryRecords(fetch([([(b"k", b"v", [("x\udcff", b"")])], 0)])).next_batch()
    assert batch is not None
    with pytest.raises((UnicodeDecodeError, CorruptRecordException)):
        list(batch)


def test_the_parser_in_python_is_met_as_the_one_in_c() -> None:
    code = (
        "from tests.streams.test_records import fetch, reader;"
        "print([r.headers for r in reader(fetch([([(None, None, [('x\\udcff', b'1')])], 0)] * 2))])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "AIOKAFKA_NO_EXTENSIONS": "1"},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == str([(("x\udcff", b"1"),)] * 2)


@given(st.binary(max_size=8))
def test_a_name_is_any_bytes(name: bytes) -> None:
    read = name.decode("utf-8", "surrogateescape")
    assert as_bytes(read) == name
    assert as_text(read) == as_text(name) == name.decode("utf-8", "backslashreplace")
    try:
        name.decode()
    except UnicodeDecodeError:
        assert not is_text(read)
        assert unreadable([("a", None), (read, b"")]) == read
    else:
        assert is_text(read)
        assert unreadable([("a", None), (read, b"")]) is None
