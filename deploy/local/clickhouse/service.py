"""The HTTP interface: every request becomes one statement of the engine and one answer."""

import asyncio
from collections.abc import Mapping

from aiohttp import web

from deploy.local.clickhouse import answer, encoding, external
from deploy.local.clickhouse import call as calls
from deploy.local.clickhouse.answer import Frame
from deploy.local.clickhouse.call import Call, User
from deploy.local.clickhouse.config import Limits
from deploy.local.clickhouse.engine import Engine
from deploy.local.clickhouse.execution import Execution, Ticket
from deploy.local.clickhouse.external import Form
from deploy.local.clickhouse.failures import EngineError
from deploy.local.clickhouse.flow import Flow
from deploy.local.clickhouse.intake import Order, receive, understand
from deploy.local.clickhouse.sessions import Sessions
from deploy.local.clickhouse.spool import Spool, Spools
from deploy.local.clickhouse.statement import Read

_INLINE = 64 << 10
"""Bytes of a body that are unpacked and read in the event loop; more goes to a thread."""
_NOT_FOUND = (
    "There is no handle {path}\nUse / or /ping for health checks.\n"
    "Send queries from your program with POST method or GET /?query=...\n"
)


class Service:
    """The handlers and what they share."""

    def __init__(self, engine: Engine, user: User, limits: Limits, spools: Spools) -> None:
        self.engine = engine
        self.user = user
        self.limits = limits
        self.spools = spools
        self.sessions = Sessions(engine)
        self.execution = Execution(engine, self.sessions, limits)

    def application(self) -> web.Application:
        """The aiohttp application."""
        app = web.Application()
        app.router.add_route("GET", "/ping", _ok)
        app.router.add_route("GET", "/replicas_status", _ok)
        app.router.add_route("*", "/", self.query)
        app.router.add_route("*", "/{path:.*}", _nothing_here)
        return app

    async def query(self, request: web.Request) -> web.StreamResponse:
        """Answer one request for a statement."""
        if request.method == "GET" and not request.query_string and not request.can_read_body:
            return await _ok(request)
        frame = Frame(self.engine, "", send_seconds=self.limits.send_seconds)
        ticket = Ticket()
        try:
            self.user.check(request.headers, request.query)
            form = await self._form(request, ticket)
            call = calls.read(request.method, request.headers, request.query, form)
            frame = self._frame(call, request.headers)
            self.execution.register(call, ticket)
            return await self._answer(request, call, frame, ticket)
        except EngineError as failure:
            return answer.error(failure, frame)
        finally:
            ticket.close()

    def _frame(self, call: Call, headers: Mapping[str, str]) -> Frame:
        allowed = call.settings.get("enable_http_compression", "1") not in ("0", "false")
        coding = encoding.answer(headers.get("Accept-Encoding", ""), allowed)
        timezone = call.settings.get("session_timezone", "")
        return Frame(self.engine, call.query_id, coding, timezone, self.limits.send_seconds)

    async def _answer(self, request: web.Request, call: Call, frame: Frame, ticket: Ticket) -> web.StreamResponse:
        order = await self._order(request, call, ticket)
        if isinstance(order.statement, Read):
            return await self._result(request, call, order, frame, ticket)
        future = await self.execution.start(call, order, b"", ticket)
        outcome = await asyncio.shield(future)
        return answer.done(outcome, call.default_format, frame)

    async def _form(self, request: web.Request, ticket: Ticket) -> Form:
        form = Form()
        ticket.on_close(form.close)
        if request.content_type == "multipart/form-data":
            await external.receive(request, form, self.spools, self.limits)
        return form

    async def _order(self, request: web.Request, call: Call, ticket: Ticket) -> Order:
        coding = encoding.engine_name(request.headers.get("Content-Encoding", ""))
        body = self._spool(ticket)
        await receive(request, body, self.limits)
        if body.size <= _INLINE or (call.query and coding == "none"):
            order = understand(call, body, coding, self.spools, self.limits)
        else:
            order = await asyncio.to_thread(understand, call, body, coding, self.spools, self.limits)
        if order.data is not None:
            ticket.on_close(order.data.close)
        return order

    async def _result(
        self, request: web.Request, call: Call, order: Order, frame: Frame, ticket: Ticket
    ) -> web.StreamResponse:
        flow = Flow()
        ticket.on_close(flow.end)
        try:
            future = await self.execution.start(call, order, flow.target, ticket)
            future.add_done_callback(lambda _: flow.end())
            held = self._spool(ticket) if call.hold_result else None
            form = order.statement.format if isinstance(order.statement, Read) else ""
            return await answer.result(request, flow, asyncio.shield(future), form, held, frame)
        except (asyncio.CancelledError, ConnectionError):
            self.execution.cancel(call.query_id)
            raise
        except TimeoutError:
            self.execution.cancel(call.query_id)
            raise ConnectionResetError(f"the client took nothing for {self.limits.send_seconds:g} s") from None
        finally:
            flow.abandon()

    async def close(self) -> None:
        """Finish or cancel what runs and close the engine."""
        await self.execution.drain(self.limits.stop_seconds)
        self.sessions.drop_expired(all_of_them=True)
        self.engine.close()

    def _spool(self, ticket: Ticket) -> Spool:
        spool = self.spools.new()
        ticket.on_close(spool.close)
        return spool


async def _ok(request: web.Request) -> web.Response:
    return web.Response(text="Ok.\n")


async def _nothing_here(request: web.Request) -> web.Response:
    return web.Response(status=404, text=_NOT_FOUND.format(path=request.path))
