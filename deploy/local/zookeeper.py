"""One node of ZooKeeper, whose life a test controls: the Keeper's protocol for the replicated tables."""

import socket
from pathlib import Path

from deploy.local import tools
from deploy.local.process import Command, Process, free_port

START_SECONDS = 30.0
ANSWER_SECONDS = 2.0
CONFIG = """
tickTime=500
dataDir={data}
clientPort={port}
clientPortAddress=127.0.0.1
admin.enableServer=false
4lw.commands.whitelist=ruok
"""


class ZooKeeper:
    """A node on a free port."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.port = 0
        self._process: Process | None = None

    def start(self) -> None:
        """Start; returns when it answers. Raises TimeoutError with the end of its log."""
        java = tools.java()
        assert java is not None
        self.port = free_port()
        self.home.mkdir(parents=True, exist_ok=True)
        config = self.home / "zoo.cfg"
        config.write_text(CONFIG.format(data=self.home / "data", port=self.port))
        options = ("-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
        main = "org.apache.zookeeper.server.ZooKeeperServerMain"
        log = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
        command = Command((java, *options, log, "-cp", f"{tools.ZOOKEEPER}/*", main, str(config)), grace=20)
        self._process = process = Process(command, self.home / "zookeeper.log")
        process.start()
        process.until(self._answers, START_SECONDS, "ZooKeeper")

    def stop(self) -> None:
        """Stop it."""
        if self._process is not None:
            self._process.stop()

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), ANSWER_SECONDS) as connection:
                connection.settimeout(ANSWER_SECONDS)
                connection.sendall(b"ruok")
                return connection.recv(4) == b"imok"
        except OSError:
            return False
