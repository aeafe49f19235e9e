"""The embedded stack: every part whose URL is not set, in one home folder, as one context manager."""

import contextlib
import fcntl
import json
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

import psutil
from pydantic import SecretStr

from deploy.local import broker, clickhouse_part, postgres, redis
from deploy.local.clickhouse.config import BACKUPS, HOT_COLD
from deploy.local.part import Part, Server, start_all
from streams.addresses import without_password
from streams.errors import ConfigurationError
from streams.settings import Settings, completed, made, unusable

LEFTOVER_SECONDS = 20.0
NAMES = {
    server.setting: server.name
    for server in (broker.Broker, clickhouse_part.ClickHouse, redis.Redis, postgres.Postgres)
}
"""What the part behind each URL setting is called, wherever it comes from."""
PINGS: dict[str, Callable[[str], None]] = {
    "kafka_bootstrap_servers": broker.ping,
    "clickhouse_url": clickhouse_part.ping,
    "redis_url": redis.ping,
    "database_url": postgres.ping,
}


def own_time(pid: int) -> float | None:
    """When this process was started; None if there is none."""
    try:
        return float(psutil.Process(pid).create_time())
    except psutil.Error:
        return None


def lock(home: Path) -> TextIO:
    """Lock a home folder for this process and its guards.

    Raises ConfigurationError while another stack runs in it, and where it can be no folder.
    """
    try:
        file = (made(home) / "lock").open("a+")
    except OSError as error:
        raise unusable(home, error) from error
    deadline = time.monotonic() + LEFTOVER_SECONDS
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            owner = (home / "lock").read_text().split()
            # The guards of a killed stack hold the lock until its parts are gone: that is worth waiting for.
            alive = len(owner) == 2 and own_time(int(owner[0])) == float(owner[1])
            if alive or time.monotonic() > deadline:
                file.close()
                who = f"process {owner[0]}" if owner else "another process"
                raise ConfigurationError(
                    f"{home} is in use by {who}: a stack runs there already. Stop it, or choose another folder with "
                    f"--home or MILLRACE_HOME."
                ) from None
            time.sleep(0.1)
    file.truncate(0)
    file.write(f"{os.getpid()} {own_time(os.getpid())}\n")
    file.flush()
    return file


def password(home: Path) -> str:
    """The password of all parts in this home."""
    return secret(home, "password")


def secret(home: Path, name: str) -> str:
    """A secret of this home, made once."""
    path = home / name
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(24))
    return path.read_text()


def servers(home: Path, logs: Path, pool: int = 20) -> Iterator[Server]:
    """Every server of the stack, in the order in which they are stopped last to first.

    `pool`: connections to PostgreSQL that one process opens at most.
    """
    secret = password(home)
    yield postgres.Postgres(home / "postgres", secret, logs, pool)
    yield redis.Redis(home / "redis", secret)
    yield clickhouse_part.ClickHouse(home / "clickhouse", secret)
    yield broker.Broker()


class Stack:
    """Parts that belong together. `with Stack(settings, home) as settings:` gives settings with every URL filled in."""

    def __init__(
        self, settings: Settings, home: Path, on_loss: Callable[[str], None] = lambda _: None, fresh: bool = False
    ) -> None:
        """`on_loss`: see Part. `fresh`: delete the data that an earlier stack left in this home."""
        self.settings = settings
        self.home = home.resolve()
        self.logs = self.home / "logs"
        self.parts: list[Part] = []
        self.outside: dict[str, str] = {}
        """The parts that are not ours: field of Settings and URL."""
        self._on_loss = on_loss
        self._fresh = fresh
        self._lock: TextIO | None = None
        self._hurried = False

    def __enter__(self) -> Settings:
        """Start all, at the same time, and return when each answers. Raises ConfigurationError; then none is left."""
        self._lock = lock(self.home)
        try:
            if self._fresh:
                for name in ("clickhouse", "archive", "postgres", "redis", "logs"):
                    shutil.rmtree(self.home / name, ignore_errors=True)
            self.outside = dict(self._given())
            for setting, url in self.outside.items():
                self._reach(setting, url)
            self.parts = [
                Part(server, PINGS[server.setting], self.logs, self._on_loss, self.hold)
                for server in servers(self.home, self.logs, self.settings.database_connections)
                if server.setting not in self.outside
            ]
            start_all(self.parts)
            found: dict[str, Any] = {part.server.setting: part.url for part in self.parts}
            if "kafka_bootstrap_servers" in found:
                found["kafka_forgets"] = True
            if "clickhouse_url" in found:
                found |= {"clickhouse_storage_policy": HOT_COLD, "archive_url": str(self.home / "archive")}
                found["backup_folder"] = str(self.home / BACKUPS)
                found["erasure_key"] = secret(self.home, "erasure-key")
            self._publish(found | self.outside)
            return completed(self.settings, found)
        except BaseException:
            self._stop()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop all, the last started first."""
        self._stop()

    def hurry(self) -> None:
        """Kill what is still running instead of waiting for it."""
        self._hurried = True
        for part in self.parts:
            part.hurry()

    @property
    def given(self) -> dict[str, str]:
        """The parts that are not ours: name, the same as of our own, and URL."""
        return {NAMES[setting]: url for setting, url in self.outside.items()}

    @property
    def hold(self) -> tuple[int, ...]:
        """The lock's descriptor, for processes beside the stack that must be gone before another one starts here."""
        return (self._lock.fileno(),) if self._lock is not None else ()

    def part(self, name: str) -> Part:
        """One of our parts by its server's name."""
        return next(part for part in self.parts if part.server.name == name)

    def _given(self) -> Iterator[tuple[str, str]]:
        for setting in PINGS:
            value = getattr(self.settings, setting)
            if value is not None:
                yield setting, value.get_secret_value() if isinstance(value, SecretStr) else value

    def _reach(self, setting: str, url: str) -> None:
        """Check that a part which is not ours answers."""
        try:
            PINGS[setting](url)
        except Exception as error:
            raise ConfigurationError(
                f"{setting.upper()}={without_password(url)} cannot be used: {error}. Start that server, correct the "
                f"setting, or unset it to have an embedded one."
            ) from error

    def _publish(self, found: dict[str, Any]) -> None:
        """Let commands in other terminals find this stack (see streams.settings.load)."""
        path = self.home / "stack.json"
        path.unlink(missing_ok=True)
        path.touch(mode=0o600)
        path.write_text(json.dumps({"pid": os.getpid(), "settings": found}))

    def _stop(self) -> None:
        (self.home / "stack.json").unlink(missing_ok=True)
        for part in reversed(self.parts):
            if self._hurried:
                part.hurry()
            with contextlib.suppress(OSError):
                part.stop()
        if self._lock is not None:
            self._lock.close()
            self._lock = None
