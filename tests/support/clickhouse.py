"""Embedded ClickHouse servers for tests, each a process of its own, and plain HTTP to talk to any of them."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import clickhouse_connect
import urllib3
from clickhouse_connect.driver.client import Client

from deploy.local.clickhouse import launch
from tests.support.renames import Renames

PASSWORD = "correct horse"


@dataclass
class Address:
    """Where a ClickHouse server is and how to get in."""

    url: str
    user: str = "default"
    password: str = PASSWORD
    pool: urllib3.PoolManager = field(default_factory=lambda: urllib3.PoolManager(retries=False, maxsize=20))

    @property
    def host(self) -> str:
        """The host alone."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        """The port alone."""
        return urlsplit(self.url).port or 8123

    def arguments(self, **more: Any) -> dict[str, Any]:
        """What clickhouse-connect's get_client and get_async_client want."""
        return {"host": self.host, "port": self.port, "username": self.user, "password": self.password, **more}

    def client(self, **more: Any) -> Client:
        """A synchronous client."""
        return clickhouse_connect.get_client(**self.arguments(**more))

    def http(
        self,
        query: str | None = None,
        body: bytes | None = None,
        method: str = "POST",
        headers: Mapping[str, str] | None = None,
        path: str = "/",
        **given: object,
    ) -> urllib3.BaseHTTPResponse:
        """One request as it is; credentials are sent unless `headers` has some."""
        own = {"X-ClickHouse-User": self.user, "X-ClickHouse-Key": self.password} if headers is None else headers
        asked = {"query": query, **given} if query is not None else given
        target = f"{self.url}{path}" + (f"?{urlencode(asked)}" if asked else "")
        return self.pool.request(method, target, body=body, headers=dict(own), decode_content=False)

    @property
    def credentials(self) -> dict[str, str]:
        """The headers that let a request in."""
        return {"X-ClickHouse-User": self.user, "X-ClickHouse-Key": self.password}


class Server:
    """One server process over a folder."""

    def __init__(self, folder: Path, *options: str, renames: Renames | None = None) -> None:
        """`renames` watches it, if given."""
        environment = {**os.environ, launch.PASSWORD_VARIABLE: PASSWORD}
        command = [*launch.command(folder), *options]
        self.process = subprocess.Popen(
            command if renames is None else renames.argv(command),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
            pass_fds=() if renames is None else renames.hold,
        )
        if renames is not None:
            renames.begin(self.process.pid)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(self.process.communicate(timeout=30)[1])
        self.address = Address(f"http://127.0.0.1:{launch.ready(line).port}")

    def stop(self) -> int:
        """Ask it to stop; the exit code."""
        self.process.terminate()
        return self._end()

    def kill(self) -> None:
        """SIGKILL it."""
        self.process.kill()
        self._end()

    def _end(self) -> int:
        self.process.communicate(timeout=60)
        return self.process.returncode
