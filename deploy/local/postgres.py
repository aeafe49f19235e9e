"""The embedded PostgreSQL: the binaries of the pgserver wheel, run by us on a TCP port."""

import importlib.util
import os
import shutil
import signal
import subprocess
from functools import cache
from pathlib import Path
from typing import Literal

import psycopg

from deploy.local.process import Command, Process
from streams.errors import ConfigurationError
from streams.guard import NOBODY

ANSWER_SECONDS = 3
INIT_SECONDS = 120.0
USER = "millrace"
# Arguments: folder of the binaries, data folder, password file. The database exists before the server first listens.
INITIALISE = f"""
"$1/initdb" -D "$2" -U {USER} --pwfile "$3" --auth scram-sha-256 --encoding UTF8 --locale C --no-sync
echo "CREATE DATABASE {USER}" | "$1/postgres" --single -D "$2" postgres
"""
SERVE = (
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",  # nothing in /tmp
    "dynamic_shared_memory_type=mmap",  # nothing in /dev/shm
    "shared_buffers=32MB",
    "timezone=UTC",
)

FULL_POOLS, OTHERS = 3, 20
"""Connections that the server takes: of so many processes with a full pool (two that serve the API, the scheduler), and
so many of commands and of whoever looks in."""


def binaries() -> Path:
    """Folder of the binaries, found without importing pgserver, which starts bookkeeping of its own."""
    spec = importlib.util.find_spec("pgserver")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "pginstall" / "bin"


@cache
def identity() -> Literal["same", "namespace", "nobody"]:
    """As whom to run: PostgreSQL refuses root."""
    if os.geteuid() != 0:
        return "same"
    try:
        tried = subprocess.run(["unshare", "--user", "--map-root-user", "true"], capture_output=True, check=False)
        return "namespace" if tried.returncode == 0 else "nobody"
    except FileNotFoundError:
        return "nobody"


def let_in(path: Path) -> None:
    """Check that the real user `nobody` gets to this path. Raises ConfigurationError."""
    closed = [p for p in path.resolve().parents if not p.stat().st_mode & 0o001]
    if closed:
        raise ConfigurationError(
            f"PostgreSQL does not run as root, and user `nobody` cannot pass {closed[-1]} on the way to {path}. "
            f"Run as another user, or move the checkout, or set MILLRACE_HOME, or set DATABASE_URL."
        )


class Postgres:
    """One server with the database `millrace`; its data outlives it."""

    name = "postgres"
    setting = "database_url"
    keeps_state = True

    def __init__(self, folder: Path, password: str, logs: Path, pool: int = 20) -> None:
        """`pool`: connections that one process opens at most."""
        self.folder = folder
        self.password = password
        self.logs = logs
        self.connections = FULL_POOLS * pool + OTHERS
        self.identity = identity()

    def prepare(self) -> None:
        """Create the cluster of databases, unless it is there. One that was begun and not finished is begun again."""
        data = self.folder / "data"
        if data.exists():
            return
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        unfinished, password_file = self.folder / "unfinished", self.folder / "password"
        shutil.rmtree(unfinished, ignore_errors=True)
        password_file.touch(mode=0o600)
        password_file.write_text(self.password)
        if self.identity == "nobody":
            let_in(self.folder)
            let_in(binaries())
            for path in (self.folder, password_file):
                os.chown(path, NOBODY, NOBODY)
        argv = ("sh", "-ec", INITIALISE, "initialise", str(binaries()), str(unfinished), str(password_file))
        work = Process(Command(argv, identity=self.identity, remove=(password_file,)), self.logs / "postgres.log")
        work.start()
        try:
            code = work.wait(INIT_SECONDS)
        finally:
            work.stop()
        if code:
            raise ConfigurationError(f"PostgreSQL's initdb ended with code {code}. {work.log} ends:\n{work.tail()}")
        unfinished.rename(data)

    def command(self, port: int) -> Command:
        """The server on this port; SIGINT is its fast, clean shutdown."""
        given = (f"port={port}", f"max_connections={self.connections}", *SERVE)
        options = [word for setting in given for word in ("-c", setting)]
        argv = (str(binaries() / "postgres"), "-D", str(self.folder / "data"), *options)
        return Command(argv, stop_signal=signal.SIGINT, identity=self.identity)

    def url(self, port: int) -> str:
        """Address with user, password and database."""
        return f"postgresql://{USER}:{self.password}@127.0.0.1:{port}/{USER}"


def ping(url: str) -> None:
    """Log in and run `SELECT 1`. Raises psycopg.Error."""
    with psycopg.connect(url, connect_timeout=ANSWER_SECONDS) as connection:
        connection.execute("SELECT 1")
