"""How others start the embedded ClickHouse server and learn that it is ready."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

PASSWORD_VARIABLE = "MILLRACE_CLICKHOUSE_PASSWORD"
"""Environment variable that hands the password over; a command line would show it to every user."""


@dataclass(frozen=True, slots=True)
class Ready:
    """What the server's one line on stdout says."""

    port: int
    pid: int


def command(path: Path, port: int = 0, user: str = "default", host: str = "127.0.0.1") -> list[str]:
    """The command line of a server over the data folder `path`; port 0 takes a free one.

    Give the password in the environment variable PASSWORD_VARIABLE. The server ends with the process that started it.
    """
    module = [sys.executable, "-m", "deploy.local.clickhouse", "--path", str(path)]
    return [*module, "--host", host, "--port", str(port), "--user", user, "--die-with-parent"]


def ready(line: str) -> Ready:
    """Read the line that the server writes to stdout once it answers; raises ValueError for any other line."""
    said = json.loads(line)
    if not isinstance(said, dict) or said.get("ready") is not True:
        raise ValueError(f"not a ready line: {line!r}")
    return Ready(said["port"], said["pid"])
