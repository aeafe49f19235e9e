"""The chdb engine of this process: connections, queries in threads, and KILL."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from deploy.local.clickhouse import catalogue
from deploy.local.clickhouse.failures import from_engine, refused
from deploy.local.clickhouse.statement import quoted

# What a server has by default and the engine's own command line has not.
_DEFAULTS = "log_queries=0&implicit_select=0&allow_introspection_functions=0&storage_file_read_method=pread"


@dataclass(frozen=True, slots=True)
class Table:
    """A table that a request brings along, for its own statement."""

    name: str
    structure: str
    format: str
    path: str


@dataclass(frozen=True, slots=True)
class Job:
    """What a query runs under."""

    query_id: str
    settings: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    database: str = ""
    read_only: bool = False
    tables: tuple[Table, ...] = ()

    @property
    def log_comment(self) -> str:
        """The query id and, on the next line, the client's own comment."""
        return f"{self.query_id}\n{self.settings.get('log_comment', '')}"


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
            self.use(job.database)
        values = {**job.settings, "log_comment": job.log_comment}
        values.setdefault("log_queries", "1")
        if job.read_only:
            values.setdefault("readonly", "2")
        self.set({name: quoted(value) for name, value in values.items()})

    def lay(self, table: Table) -> None:
        """Make and fill a temporary table."""
        name = _name(table.name)
        self.run(f"CREATE TEMPORARY TABLE {name} ({table.structure})")
        self.run(f"INSERT INTO {name} FROM INFILE '{table.path}' COMPRESSION 'none' FORMAT {_name(table.format)}")

    def clear(self, job: Job) -> None:
        """Drop the job's own tables, in a session that goes on."""
        for table in job.tables:
            self.run(f"DROP TEMPORARY TABLE IF EXISTS {_name(table.name)}")

    def use(self, database: str) -> None:
        """Change the session's database."""
        self.run(f"USE {_name(database)}")

    def set(self, values: Mapping[str, str]) -> None:
        """Change settings; the values are SQL. Raises EngineError 115 for one that the engine does not know."""
        for name in values:
            if not name.isidentifier():
                raise refused(115, "UNKNOWN_SETTING", f"Unknown setting '{name}'")
        self.run(catalogue.PREPARE + ", ".join(f"{name} = {value}" for name, value in values.items()))

    def close(self) -> None:
        """Release the session."""
        self._inner.close()


def _name(name: str) -> str:
    return f"`{name.replace('`', '``')}`"


C = TypeVar("C", bound=Connection)


class Engine:
    """The engine over one data folder. It lives as long as its first connection."""

    def __init__(self, folder: Path, config: Path, query_memory_bytes: int) -> None:
        self._address = f"{folder}?config-file={config}"
        self._session = f"{self._address}&{_DEFAULTS}&max_memory_usage={query_memory_bytes}"
        self._control = Connection(self._address)
        self._control.run("SYSTEM FLUSH LOGS query_log")  # makes the table that a view is about to read
        for view in catalogue.VIEWS:
            self._control.run(view)
        self._killers = ThreadPoolExecutor(1, "kill")
        facts = self._control.run("SELECT version(), timezone(), hostName()").data.decode().strip().split("\t")
        self.version, self.timezone, self.host = facts

    def connect(self, kind: type[C]) -> C:
        """A fresh session."""
        return kind(self._session)

    def run(self, job: Job, text: bytes, form: str, connection: Connection | None = None) -> Outcome:
        """Run a statement, in a session of its own unless one is given. Blocks; raises EngineError."""
        own = connection or self.connect(Connection)
        try:
            own.prepare(job)
            for table in job.tables:
                own.lay(table)
            return own.run(text, form, job.parameters)
        finally:
            if connection is None:
                own.close()
            else:
                connection.clear(job)

    def kill(self, query_id: str) -> None:
        """Cancel a running query, soon; inserts stop before their next block."""
        text = f"KILL QUERY WHERE startsWith(Settings['log_comment'], {quoted(query_id)} || '\\n') ASYNC"
        self._killers.submit(self._control.run, text)

    def close(self) -> None:
        """Close the engine; every other connection must be closed by then."""
        self._killers.shutdown()
        self._control.close()
