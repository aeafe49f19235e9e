"""The chdb engine of this process: connections, queries in threads, and KILL."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deploy.local.clickhouse.failures import EngineError, from_engine
from deploy.local.clickhouse.statement import quoted

# What a server has by default and the engine's own command line has not.
_DEFAULTS = "log_queries=0&implicit_select=0&allow_introspection_functions=0&storage_file_read_method=pread"


@dataclass(frozen=True, slots=True)
class Job:
    """What a query runs under."""

    query_id: str
    settings: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    database: str = ""
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the engine says of a finished query; `seconds` is the engine's own time."""

    data: bytes
    read_rows: int
    read_bytes: int
    written_rows: int
    written_bytes: int
    seconds: float


class Connection:
    """One connection: the state of one session. Not for two threads at once."""

    def __init__(self, address: str) -> None:
        from chdb import _chdb

        try:
            self._inner: Any = _chdb.connect(address)  # type: ignore[attr-defined]
        except RuntimeError as error:
            raise from_engine(str(error)) from None

    def run(
        self, text: bytes | str, form: str = "TabSeparated", parameters: Mapping[str, str] | None = None
    ) -> Outcome:
        """Run one statement to its end; raises EngineError."""
        try:
            result = self._inner.query(text, form, params=dict(parameters or {}))
        except RuntimeError as error:
            raise from_engine(str(error)) from None
        if result.has_error():
            raise from_engine(result.error_message())
        return Outcome(
            result.bytes(),
            result.storage_rows_read(),
            result.storage_bytes_read(),
            result.rows_written(),
            result.bytes_written(),
            result.elapsed(),
        )

    def prepare(self, job: Job) -> None:
        """Give the session the job's database and settings. The log comment carries the query id, see `catalogue`."""
        if job.database:
            self.run(f"USE `{job.database.replace('`', '``')}`")
        values = {name: value for name, value in job.settings.items() if name != "log_comment"}
        comment = job.settings.get("log_comment", "")
        values["log_comment"] = f"{job.query_id}\n{comment}"
        values.setdefault("log_queries", "1")
        if job.read_only:
            values.setdefault("readonly", "2")
        self.run("SET " + ", ".join(f"{_name(name)} = {quoted(value)}" for name, value in values.items()))

    def close(self) -> None:
        """Release the session."""
        self._inner.close()


def _name(setting: str) -> str:
    if not setting.isidentifier():
        raise EngineError(115, f"Code: 115. DB::Exception: Unknown setting '{setting}'. (UNKNOWN_SETTING)")
    return setting


class Engine:
    """The engine over one data folder. It lives as long as its first connection."""

    def __init__(self, folder: Path, config: Path) -> None:
        self._address = f"{folder}?config-file={config}"
        self._control = Connection(self._address)
        self._killers = ThreadPoolExecutor(1, "kill")
        facts = self._control.run("SELECT version(), timezone(), hostName()").data.decode().strip().split("\t")
        self.version, self.timezone, self.host = facts

    def connect(self) -> Connection:
        """A fresh session."""
        return Connection(f"{self._address}&{_DEFAULTS}")

    def run(self, job: Job, text: bytes, form: str, connection: Connection | None = None) -> Outcome:
        """Run a statement, in a session of its own unless one is given. Blocks; raises EngineError."""
        own = connection or self.connect()
        try:
            own.prepare(job)
            return own.run(text, form, job.parameters)
        finally:
            if connection is None:
                own.close()

    def kill(self, query_id: str) -> None:
        """Cancel a running query, soon; inserts stop before their next block."""
        text = f"KILL QUERY WHERE startsWith(Settings['log_comment'], {quoted(query_id)} || '\\n') ASYNC"
        self._killers.submit(self._control.run, text)

    def close(self) -> None:
        """Close the engine; every other connection must be closed by then."""
        self._killers.shutdown()
        self._control.close()
