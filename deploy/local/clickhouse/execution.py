"""Statements on their way through the engine: who runs, under which id and session, and what is left behind."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from deploy.local.clickhouse import catalogue
from deploy.local.clickhouse.admission import Lane
from deploy.local.clickhouse.call import Call
from deploy.local.clickhouse.config import Limits
from deploy.local.clickhouse.engine import Engine, Outcome
from deploy.local.clickhouse.failures import refused
from deploy.local.clickhouse.intake import Order
from deploy.local.clickhouse.sessions import SessionConnection, Sessions
from deploy.local.clickhouse.statement import Insert, Other, Read


class Ticket:
    """One request's hold on things that must outlive its handler when the engine still works on them."""

    def __init__(self) -> None:
        self._releases: list[Callable[[], None]] = []
        self.future: asyncio.Future[Outcome] | None = None

    def on_close(self, release: Callable[[], None]) -> None:
        """Call `release` once the handler and the engine are both done."""
        self._releases.append(release)

    def close(self) -> None:
        """The handler is done."""
        if self.future is None or self.future.done():
            self._release()
        else:
            self.future.add_done_callback(lambda _: self._release())

    def _release(self) -> None:
        while self._releases:
            self._releases.pop()()


class Execution:
    """Runs orders in threads; the event loop never waits for the engine."""

    def __init__(self, engine: Engine, sessions: Sessions, limits: Limits) -> None:
        self._engine = engine
        self._sessions = sessions
        self._queries = Lane("queries", limits.queries, limits.waiting, limits.waiting_seconds)
        self._inserts = Lane("inserts", limits.inserts, limits.waiting, limits.waiting_seconds)
        self._kills = Lane("kills", 2, limits.waiting, limits.waiting_seconds)
        self._threads = ThreadPoolExecutor(limits.queries + limits.inserts + 2, "engine")
        self.known: dict[str, asyncio.Future[Outcome] | None] = {}
        """Every query id between the arrival of its request and the end of its statement."""

    def register(self, call: Call, ticket: Ticket) -> None:
        """Note the query id; raises EngineError 216 if a query of that id has not ended."""
        if call.query_id in self.known:
            text = f"Query with id = {call.query_id} is already running."
            raise refused(216, "QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING", text)
        self.known[call.query_id] = None
        ticket.on_close(lambda: self._forget(call.query_id))

    def _forget(self, query_id: str) -> None:
        self.known.pop(query_id, None)

    async def start(self, call: Call, order: Order, target: bytes, ticket: Ticket) -> asyncio.Future[Outcome]:
        """Wait for a place and start the statement; `target` says where a Read's result goes."""
        connection = self._session(call, order, ticket)
        release = await self._lane(order).enter()
        try:
            loop = asyncio.get_running_loop()
            text = self._text(call, order, target)
            future = loop.run_in_executor(self._threads, self._run, call, order, text, connection)
        except BaseException:
            release(None)
            raise
        future.add_done_callback(release)
        future.add_done_callback(_retrieve)
        ticket.future = future
        self.known[call.query_id] = future
        return future

    def _run(self, call: Call, order: Order, text: bytes, session: SessionConnection | None) -> Outcome:
        outcome = self._engine.run(call.job(session is not None), text, call.default_format, session)
        if session is not None:
            session.learn(order.statement)
        return outcome

    def _session(self, call: Call, order: Order, ticket: Ticket) -> SessionConnection | None:
        if not call.session_id:
            return None
        read_only = call.read_only or call.settings.get("readonly", "0") not in ("0", "false")
        if read_only and not isinstance(order.statement, Read):
            raise refused(164, "READONLY", "Cannot execute query in readonly mode: send it by POST")
        session = self._sessions.enter(call)
        ticket.on_close(lambda: self._sessions.leave(session, call.session_timeout))
        return session.connection

    def _lane(self, order: Order) -> Lane:
        if isinstance(order.statement, Insert):
            return self._inserts
        if isinstance(order.statement, Other) and order.statement.kind == "kill":
            return self._kills
        return self._queries

    def _text(self, call: Call, order: Order, target: bytes) -> bytes:
        match order.statement:
            case Insert(head, tail):
                data = order.data
                source = f" FROM INFILE '{data.path}' COMPRESSION '{order.coding}' " if data else " "
                return head + source.encode() + tail
            case Read(head, tail):
                return catalogue.translated(head, self._waiting(call)) + target + tail
            case Other(text, "kill"):
                return catalogue.killing(text)
            case Other(text):
                return catalogue.translated(text, self._waiting(call))

    def _waiting(self, but: Call) -> list[str]:
        return [query_id for query_id, future in self.known.items() if future is None and query_id != but.query_id]

    def cancel(self, query_id: str) -> None:
        """Ask the engine to stop a query."""
        self._engine.kill(query_id)

    async def drain(self, seconds: float) -> None:
        """Let running statements finish for so long, then cancel them and wait for their end."""
        running = [future for future in self.known.values() if future is not None]
        if running:
            await asyncio.wait(running, timeout=seconds)
        for query_id, future in self.known.items():
            if future is not None and not future.done():
                self.cancel(query_id)
        if running:
            await asyncio.wait(running, timeout=seconds)
        self._threads.shutdown(wait=False, cancel_futures=True)


def _retrieve(future: asyncio.Future[Outcome]) -> None:
    if not future.cancelled():
        future.exception()
