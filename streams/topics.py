"""Names, keys and partitions of the Kafka topics."""

from functools import lru_cache
from struct import unpack_from
from typing import Final

from streams.events.domains import DOMAINS, TOPICS

SOURCE_CONFIG: Final[dict[str, str]] = {"message.timestamp.type": "LogAppendTime"}
"""Topic settings of a source topic: freshness is measured from the broker's clock."""

INTENTS_CONFIG: Final[dict[str, str]] = {"cleanup.policy": "delete", "retention.ms": "-1"}
"""Topic settings of the log of intents: it must outlast every source topic."""

DEAD_LETTER_CONFIG: Final[dict[str, str]] = {"cleanup.policy": "delete"}
"""Topic settings of the dead letters."""

ALERT_CONFIG: Final[dict[str, str]] = {"cleanup.policy": "delete"}
"""Topic settings of the alerts."""


def source_topics() -> tuple[str, ...]:
    """Topics that carry events; co-partitioned, so that partition n of all of them is shard n."""
    return tuple(TOPICS)


def raw_table(topic: str) -> str:
    """ClickHouse table that takes the events of a source topic. Raises KeyError for any other topic."""
    return DOMAINS[TOPICS[topic].name.split(".")[0]].raw_table


_MASK = 0xFFFFFFFF
_M = 0x5BD1E995


@lru_cache(maxsize=65_536)
def murmur2(key: bytes) -> int:
    """Kafka's 32-bit murmur2, unsigned, as Java's default partitioner has it. Keys repeat, so results are kept."""
    length = len(key)
    whole = length - length % 4
    h = 0x9747B28C ^ length
    for k in unpack_from(f"<{whole // 4}I", key):
        k = k * _M & _MASK
        h = h * _M & _MASK ^ (k ^ k >> 24) * _M & _MASK
    rest = key[whole:]
    if rest:
        h = (h ^ int.from_bytes(rest, "little")) * _M & _MASK
    h = (h ^ h >> 13) * _M & _MASK
    return h ^ h >> 15


def partition_of(key: bytes, partitions: int) -> int:
    """The partition that Java's and aiokafka's default partitioner gives this key.

    librdkafka's default is another (CRC32): its producers must set `partitioner=murmur2_random`.
    """
    return (murmur2(key) & 0x7FFFFFFF) % partitions
