"""The embedded ClickHouse as a part of the stack: our HTTP server in front of the chdb engine."""

import base64
import http.client
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from deploy.local.clickhouse.config import Limits
from deploy.local.clickhouse.launch import PASSWORD_VARIABLE, command
from deploy.local.process import Command

ANSWER_SECONDS = 5.0
USER = "default"


class ClickHouse:
    """One server over a data folder that outlives it."""

    name = "clickhouse"
    setting = "clickhouse_url"
    keeps_state = True

    def __init__(self, folder: Path, password: str) -> None:
        self.folder = folder
        self.password = password

    def prepare(self) -> None:
        """Create the data folder."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def command(self, port: int) -> Command:
        """The server on this port; it finishes running statements before it ends."""
        argv = tuple(command(self.folder, port, USER))
        return Command(argv, env={PASSWORD_VARIABLE: self.password}, grace=Limits().stop_seconds + 10)

    def url(self, port: int) -> str:
        """Address with user and password."""
        return f"http://{USER}:{self.password}@127.0.0.1:{port}"


def ask(url: str, query: str, seconds: float = ANSWER_SECONDS) -> str:
    """Run one query over HTTP and return the text of its answer. Raises OSError with ClickHouse's own words."""
    parts = urllib.parse.urlsplit(url)
    address = urllib.parse.urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], "/", parts.query, ""))
    request = urllib.request.Request(address, query.encode())
    if parts.username:
        pair = f"{urllib.parse.unquote(parts.username)}:{urllib.parse.unquote(parts.password or '')}"
        request.add_header("Authorization", f"Basic {base64.b64encode(pair.encode()).decode()}")
    try:
        with urllib.request.urlopen(request, timeout=seconds) as answer:
            return str(answer.read().decode())
    except urllib.error.HTTPError as error:
        with error:
            raise OSError(f"ClickHouse answers {error.code}: {error.read(500).decode(errors='replace')}") from None
    except http.client.HTTPException as error:
        raise OSError(f"ClickHouse breaks off: {error!r}") from error


def ping(url: str) -> None:
    """Run `SELECT 1` with the URL's user. Raises OSError."""
    ask(url, "SELECT 1")
