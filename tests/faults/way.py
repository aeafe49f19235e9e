"""The way from a worker to Apache Kafka, on which answers to appends can be cut."""

from tests.support.proxy import Proxy

PRODUCE = b"\0\0"
"""The key of a Produce request; it follows the four bytes of the request's length."""


class KafkaWay(Proxy):
    """A proxy that knows which requests append records: aiokafka writes each request in one piece."""

    def is_insert(self, data: bytes) -> bool:
        """Whether a Produce request begins with these bytes."""
        return len(data) > 8 and data[4:6] == PRODUCE
