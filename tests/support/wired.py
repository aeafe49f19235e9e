"""A bare HTTP/1.1 client: bytes out, an answer in, and a twentieth of what a whole client costs."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

LIMIT = 1 << 24


class Said(NamedTuple):
    """An answer."""

    status: int
    body: bytes

    @property
    def content(self) -> Any:
        """The JSON of it."""
        return json.loads(self.body)


class Wire:
    """One connection that is kept; opened at the first request, and anew after it was lost."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._place = (parts.hostname or "", parts.port or 80)
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def say(self, request: bytes) -> Said:
        """Send a whole request and read its answer. Raises OSError where the connection is lost."""
        if self._streams is None:
            self._streams = await asyncio.open_connection(*self._place, limit=LIMIT)
        reader, writer = self._streams
        try:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            names = head.lower()
            start = names.index(b"content-length:") + 15
            body = await reader.readexactly(int(names[start : names.index(b"\r\n", start)]))
        except (asyncio.IncompleteReadError, ValueError, OSError) as error:
            self.close()
            raise ConnectionError(f"the connection was lost: {error!r}") from error
        if b"connection: close" in names:
            self.close()
        return Said(int(head[9:12]), body)

    def close(self) -> None:
        """Let the connection go."""
        if self._streams is not None:
            self._streams[1].close()
        self._streams = None


def request(path: str, key: str, kind: str, body: bytes, headers: Mapping[str, str] | None = None) -> bytes:
    """A whole request."""
    given = {"Host": "test", "Authorization": f"Bearer {key}", "Content-Type": kind, "Content-Length": str(len(body))}
    lines = "".join(f"{name}: {value}\r\n" for name, value in (given | dict(headers or {})).items())
    return f"POST {path} HTTP/1.1\r\n{lines}\r\n".encode("latin-1") + body
