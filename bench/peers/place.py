"""Where a contestant finds broker and ClickHouse: what the benchmark puts into its environment."""

import json
import os
import time
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

PREFIX = "PEER_"


class Place(NamedTuple):
    """One contestant's own group, topics and database on the parts that all share."""

    servers: str
    """Brokers as `host:port`."""
    group: str
    """Consumer group, also the name that its own topics begin with."""
    dead_letters: str
    """Topic for refused messages."""
    clickhouse_url: str
    """With user and password."""
    database: str
    home: str
    """Folder for what it keeps on disk, empty when it starts."""
    plain: str = ""
    """Whether the work is done event by event (`bench.peers.plain`), else by the batch, as the product does it."""

    def environment(self) -> dict[str, str]:
        """What `given` reads."""
        return {f"{PREFIX}{name.upper()}": value for name, value in self._asdict().items()}

    @property
    def clickhouse(self) -> dict[str, Any]:
        """Arguments of `clickhouse_connect.get_client` and of its async twin."""
        url = urlsplit(self.clickhouse_url)
        return {
            "host": url.hostname,
            "port": url.port,
            "username": unquote(url.username or "default"),
            "password": unquote(url.password or ""),
            "database": self.database,
            "compress": "lz4",
            "autogenerate_session_id": False,
        }

    @property
    def mark(self) -> Path:
        """The file that says what the start has cost."""
        return Path(self.home) / "ready.json"

    def ready(self) -> None:
        """Call it when everything is loaded and nothing is fetched yet: what was spent until then does not count."""
        self.mark.write_text(json.dumps({"cpu": time.process_time()}))


def given() -> Place:
    """The place that the environment names. Raises KeyError outside the benchmark."""
    return Place(*(os.environ[f"{PREFIX}{name.upper()}"] for name in Place._fields))
