"""One node of Apache Kafka (KRaft) whose life a test or benchmark controls; started again, it has its data."""

import os
import secrets
import signal
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from deploy.local import broker, tools
from deploy.local.process import Command, Process, free_port

START_SECONDS = 180.0
LASTING = ("-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20")
BRIEF = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
PROPERTIES = """
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listeners={listeners},CONTROLLER://127.0.0.1:{controller}
advertised.listeners={advertised}
listener.security.protocol.map={protocols},CONTROLLER:PLAINTEXT
log.dirs={data}
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
"""


class Kafka:
    """A node on fixed free ports. `heap_megabytes` is all that the JVM may take for objects.

    `brief`: for a life of seconds, with less spent on starting than on running well. `ways`: further ports to listen
    on, each with the port that clients who come there are told, such as that of a proxy.
    """

    def __init__(
        self, home: Path, heap_megabytes: int = 512, *, brief: bool = False, ways: Sequence[tuple[int, int]] = ()
    ) -> None:
        self.home = home
        self._ways = ways
        self._options = BRIEF if brief else LASTING
        self.port = 0
        self._heap = heap_megabytes
        self._process: Process | None = None

    @property
    def url(self) -> str:
        """Bootstrap servers; the same after a restart."""
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The present process."""
        return self._process.pid if self._process else 0

    def start(self) -> None:
        """Start, the first time on empty logs; returns when it answers. Raises TimeoutError with the end of its log."""
        for _ in range(5):
            if self.port == 0:
                self._format()
            self._process = process = Process(self._java("kafka.Kafka", str(self._config)), self.home / "kafka.log")
            process.start()
            if self._answers(process):
                return
            process.stop()
            if "Address already in use" not in process.tail(60):
                break
            self.port = 0
        raise TimeoutError(f"Apache Kafka does not start; {process.log} ends:\n{process.tail(30)}")

    def stop(self) -> None:
        """Shut down in order."""
        if self._process is not None:
            self._process.stop()

    def kill(self) -> None:
        """kill -9."""
        assert self._process is not None
        os.kill(self.pid, signal.SIGKILL)
        self._process.wait(10)

    def pause(self) -> None:
        """Stop answering without closing a connection (SIGSTOP)."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Go on after `pause`."""
        os.kill(self.pid, signal.SIGCONT)

    @property
    def _config(self) -> Path:
        return self.home / "server.properties"

    def _format(self) -> None:
        self.port = free_port()
        self.home.mkdir(parents=True, exist_ok=True)
        data = self.home / "data"
        ways = {"PLAINTEXT": (self.port, self.port)} | {f"WAY{n}": way for n, way in enumerate(self._ways)}
        self._config.write_text(
            PROPERTIES.format(
                listeners=",".join(f"{name}://127.0.0.1:{port}" for name, (port, _) in ways.items()),
                advertised=",".join(f"{name}://127.0.0.1:{port}" for name, (_, port) in ways.items()),
                protocols=",".join(f"{name}:PLAINTEXT" for name in ways),
                controller=free_port(but={self.port, *(port for port, _ in self._ways)}),
                data=data,
            )
        )
        if not data.exists():
            # A cluster id is 16 bytes in base64; Kafka refuses those that begin with a dash.
            cluster = "M" + secrets.token_urlsafe(16)[1:22]
            arguments = ("kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(self._config))
            work = Process(self._java(*arguments), self.home / "kafka.log")
            work.start()
            assert work.wait(START_SECONDS) == 0, work.tail(30)

    def _java(self, *words: str) -> Command:
        java = tools.java()
        assert java is not None
        options = (f"-Xmx{self._heap}m", *self._options)
        log = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
        return Command((java, *options, log, "-cp", f"{tools.KAFKA}/*", *words), grace=20)

    def _answers(self, process: Process) -> bool:
        deadline = time.monotonic() + START_SECONDS
        pause = threading.Event()
        while process.running and time.monotonic() < deadline:
            try:
                broker.ping(self.url)
                return True
            except OSError:
                pause.wait(0.05)
        return False
