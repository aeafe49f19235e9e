"""Sessions by id: temporary tables and SET last from request to request."""

import asyncio
import time
from dataclasses import dataclass

from deploy.local.clickhouse.call import Call
from deploy.local.clickhouse.engine import Connection, Engine, Job
from deploy.local.clickhouse.failures import refused
from deploy.local.clickhouse.statement import Other, Statement, assignments, quoted

_LOCAL = ("log_comment", "readonly")


class SessionConnection(Connection):
    """A connection whose requests bring settings and a database for themselves only; SET and USE stay."""

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self._lent: dict[str, str] = {}
        self._kept: dict[str, str] = {}
        self._home = self._database = "default"
        self.set({"log_queries": "1"})

    def prepare(self, job: Job) -> None:
        """Apply what the job brings, and take back what the last one brought."""
        wanted = job.database or self._home
        if wanted != self._database:
            self.use(wanted)
            self._database = wanted
        brought = {name: quoted(value) for name, value in job.settings.items() if name not in _LOCAL}
        back = {name: self._kept.get(name, "DEFAULT") for name in self._lent if name not in brought}
        new = {name: value for name, value in brought.items() if self._lent.get(name) != value}
        self._lent = {**self._lent, **brought}
        self.set({**back, **new, "log_comment": quoted(job.log_comment)})
        self._lent = brought

    def learn(self, statement: Statement) -> None:
        """Note what a statement that has run changed for the requests to come."""
        if not isinstance(statement, Other):
            return
        if statement.kind == "set":
            self._kept |= assignments(statement.text)
        if statement.kind == "use":
            self._home = self._database = self.run("SELECT currentDatabase()").data.decode().strip()


@dataclass(slots=True)
class Session:
    """A kept connection; one request at a time."""

    connection: SessionConnection
    busy: bool = False
    expires: float = 0.0


class Sessions:
    """All named sessions of the server's one user."""

    def __init__(self, engine: Engine, limit: int = 1000) -> None:
        self._engine = engine
        self._limit = limit
        self._open: dict[str, Session] = {}

    def enter(self, call: Call) -> Session:
        """Take the session of a request, a new one if need be; raises EngineError 372, 373 as ClickHouse does."""
        self.drop_expired()
        session = self._open.get(call.session_id)
        if session is None:
            if call.session_must_exist:
                raise refused(372, "SESSION_NOT_FOUND", f"Session {call.session_id} not found")
            if len(self._open) >= self._limit:
                raise refused(202, "TOO_MANY_SIMULTANEOUS_QUERIES", f"There are {self._limit} open sessions already")
            session = self._open[call.session_id] = Session(self._engine.connect(SessionConnection))
        if session.busy:
            text = f"Session {call.session_id} is locked by a concurrent client"
            raise refused(373, "SESSION_IS_LOCKED", text)
        session.busy = True
        return session

    def leave(self, session: Session, timeout: float) -> None:
        """The request is done; the session stays for `timeout` seconds."""
        session.busy = False
        session.expires = time.monotonic() + timeout

    def drop_expired(self, all_of_them: bool = False) -> None:
        """Close the sessions whose time is over."""
        now = time.monotonic()
        for name, session in list(self._open.items()):
            if not session.busy and (all_of_them or session.expires < now):
                del self._open[name]
                session.connection.close()

    async def sweep(self) -> None:
        """Close expired sessions, for ever."""
        while True:
            await asyncio.sleep(5)
            self.drop_expired()
