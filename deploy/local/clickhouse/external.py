"""Requests as forms: the statement and its parameters as fields, tables for this one query as files."""

import asyncio
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from aiohttp import BodyPartReader, web

from deploy.local.clickhouse.config import Limits
from deploy.local.clickhouse.engine import Table
from deploy.local.clickhouse.failures import refused
from deploy.local.clickhouse.spool import Spool, Spools

T = TypeVar("T")
_PIECE = 256 << 10
LONGEST_FIELD = (128 << 10) + 1
"""Bytes of a field: one more than ClickHouse's http_max_field_value_size, as its form reader counts."""


@dataclass(slots=True)
class Form:
    """What a form brought."""

    fields: dict[str, str] = field(default_factory=dict)
    files: dict[str, Spool] = field(default_factory=dict)

    def close(self) -> None:
        """Give the files back."""
        for file in self.files.values():
            file.close()

    def tables(self, given: Mapping[str, str]) -> tuple[Table, ...]:
        """The tables of the files; raises EngineError for one without columns."""
        return tuple(_table(name, file, given) for name, file in self.files.items())

    def describes(self, name: str) -> bool:
        """Whether a parameter of the request belongs to one of the files."""
        return any(name in (f"{file}_structure", f"{file}_types", f"{file}_format") for file in self.files)


def _table(name: str, file: Spool, given: Mapping[str, str]) -> Table:
    structure = given.get(f"{name}_structure", "")
    types = given.get(f"{name}_types", "")
    if not structure and types:
        structure = ", ".join(f"_{at} {kind}" for at, kind in enumerate(types.split(","), start=1))
    if not structure:
        raise refused(
            36, "BAD_ARGUMENTS", f"Neither structure nor types have not been provided for external table {name}"
        )
    return Table(name, structure, given.get(f"{name}_format", "TabSeparated"), file.path)


async def receive(request: web.Request, form: Form, spools: Spools, limits: Limits) -> None:
    """Take a form whole; raises EngineError for one that is broken or too long, or a client that stalls."""
    try:
        await _receive(request, form, spools, limits)
    except ValueError as error:
        raise refused(36, "BAD_ARGUMENTS", f"The body is not a valid form: {error}") from None


async def _receive(request: web.Request, form: Form, spools: Spools, limits: Limits) -> None:
    taken = 0
    reader = await request.multipart()
    while True:
        part = await _patiently(reader.next(), limits)
        if part is None:
            return
        if not isinstance(part, BodyPartReader) or not part.name:
            raise refused(36, "BAD_ARGUMENTS", "A part of the form has no name, or is itself in parts")
        file = spools.new()
        form.files[part.name] = file
        while piece := await _patiently(part.read_chunk(_PIECE), limits):
            taken += len(piece)
            if taken > limits.body_bytes:
                raise refused(307, "TOO_MANY_BYTES", f"The form is longer than {limits.body_bytes} bytes")
            file.write(bytes(piece))
        if part.filename is None:
            form.fields[part.name] = checked(file.read(0, LONGEST_FIELD + 1)).decode()
            form.files.pop(part.name).close()


def checked(value: bytes) -> bytes:
    """The value of a field or of a parameter in the URL; raises EngineError for one that ClickHouse would not take."""
    if len(value) > LONGEST_FIELD:
        raise refused(1000, "POCO_EXCEPTION", "HTML Form Exception: Field value too long")
    return value


async def _patiently(step: Awaitable[T], limits: Limits) -> T:
    try:
        async with asyncio.timeout(limits.receive_seconds):
            return await step
    except TimeoutError:
        text = f"Timeout exceeded while receiving the form: no byte for {limits.receive_seconds:g} s"
        raise refused(209, "SOCKET_TIMEOUT", text) from None
