"""Bytes off the broker as they are: fetched by the protocol itself, batches counted by their heads, none unpacked."""

import socket

from bench.parts import lap as laps
from bench.parts.limits.wire import Place, batches, receive, request
from bench.parts.order import PARTITIONS
from bench.parts.work import Found
from streams.topics import source_topics


def main() -> None:
    """Fetch until every record was there."""
    lap = laps.given()
    host, _, port = lap.place.servers.rpartition(":")
    positions: dict[Place, int] = {(topic, n): 0 for topic in source_topics() for n in range(PARTITIONS)}
    records, number = 0, 0

    def found() -> Found:
        return {"records": records}

    lap.ready()
    with socket.create_connection((host, int(port))) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while records < lap.order.records:
            number += 1
            connection.sendall(request(number, positions))
            answer = receive(connection)
            fetched = 0
            for place, count, end in batches(answer):
                positions[place] = end
                fetched += count
            records += fetched
            lap.seen(fetched, found)


if __name__ == "__main__":
    main()
