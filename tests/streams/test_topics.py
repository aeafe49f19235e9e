"""Topics: names, tables, partitions as Java's default partitioner gives them."""

import pytest
from aiokafka.partitioner import DefaultPartitioner
from hypothesis import given
from hypothesis import strategies as st

from streams import topics
from streams.events import registry
from streams.topics import murmur2, partition_of


def test_every_event_flows_through_a_source_topic() -> None:
    assert set(topics.source_topics()) == registry.topics.keys()
    for topic, specs in registry.topics.items():
        assert {spec.domain.raw_table for spec in specs} == {topics.raw_table(topic)}


def test_other_topics_have_no_raw_table() -> None:
    with pytest.raises(KeyError):
        topics.raw_table("intents")


# From the tests of Apache Kafka's own Utils.murmur2, as unsigned numbers.
@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_murmur2_is_kafkas(key: bytes, expected: int) -> None:
    assert murmur2(key) == expected & 0xFFFFFFFF


@given(st.binary(max_size=64), st.integers(min_value=1, max_value=64))
def test_partitions_are_aiokafkas(key: bytes, partitions: int) -> None:
    numbers = list(range(partitions))
    assert partition_of(key, partitions) == DefaultPartitioner()(key, numbers, numbers)
