"""The two words of Kafka's protocol that it takes to fetch: the request, and where record batches lie in the answer."""

import socket
import struct
from collections.abc import Iterator

FETCH, VERSION = 1, 4
WAIT_MILLISECONDS = 500
MOST = 64 << 20
"""Bytes of an answer at most."""
OF_PARTITION = 1 << 20
"""Bytes of one partition in an answer at most."""
HEAD = struct.Struct(">qiibIhiqqqhii")
"""A record batch's head: offset, length, epoch, magic, CRC, attributes, last delta, times, producer (3), records."""
UNCOUNTED = 12
"""Bytes of a batch that its length leaves out: the offset and the length itself."""

Place = tuple[str, int]
"""Topic and partition."""


class Refused(Exception):
    """The broker answers with an error; the text has its number and the partition."""


def request(number: int, positions: dict[Place, int]) -> bytes:
    """A fetch of these partitions from these offsets; `number` comes back with the answer."""
    topics: dict[str, list[bytes]] = {}
    for (topic, partition), offset in positions.items():
        topics.setdefault(topic, []).append(struct.pack(">iqi", partition, offset, OF_PARTITION))
    named = b"".join(_text(topic) + struct.pack(">i", len(parts)) + b"".join(parts) for topic, parts in topics.items())
    head = struct.pack(">hhi", FETCH, VERSION, number) + _text("bench")
    body = struct.pack(">iiiibi", -1, WAIT_MILLISECONDS, 1, MOST, 0, len(topics)) + named
    return struct.pack(">i", len(head) + len(body)) + head + body


def receive(connection: socket.socket) -> bytearray:
    """One answer, without its length. Raises ConnectionError where the broker hangs up."""
    (length,) = struct.unpack(">i", _exactly(connection, 4))
    return _exactly(connection, length)


def batches(answer: bytearray) -> Iterator[tuple[Place, int, int]]:
    """Of each whole record batch: its place, its records and the offset after it. Raises Refused."""
    at = 8  # the number, and how long the broker held it back
    topics, at = _int(answer, at)
    for _ in range(topics):
        (length,) = struct.unpack_from(">h", answer, at)
        topic = answer[at + 2 : at + 2 + length].decode()
        partitions, at = _int(answer, at + 2 + length)
        for _ in range(partitions):
            partition, error = struct.unpack_from(">ih", answer, at)
            if error:
                raise Refused(f"the broker answers {topic}:{partition} with error {error}")
            aborted, at = _int(answer, at + 22)
            size, at = _int(answer, at + 16 * max(aborted, 0))
            for records, end in _heads(answer, at, at + size):
                yield (topic, partition), records, end
            at += max(size, 0)


def _heads(answer: bytearray, at: int, end: int) -> Iterator[tuple[int, int]]:
    """Records and the offset after it of each batch; the last one may be cut off, and is fetched again."""
    while at + HEAD.size <= end:
        offset, length, *_, last, _, _, _, _, _, records = HEAD.unpack_from(answer, at)
        at += length + UNCOUNTED
        if at <= end:
            yield records, offset + last + 1


def _text(text: str) -> bytes:
    return struct.pack(">h", len(text)) + text.encode()


def _int(answer: bytearray, at: int) -> tuple[int, int]:
    (value,) = struct.unpack_from(">i", answer, at)
    return value, at + 4


def _exactly(connection: socket.socket, count: int) -> bytearray:
    found = bytearray(count)
    view = memoryview(found)
    while view:
        got = connection.recv_into(view)
        if not got:
            raise ConnectionError(f"the broker hung up with {len(view)} bytes to come")
        view = view[got:]
    return found
