"""A receiver of webhooks: a real HTTP server that answers what it is told to and remembers what it got."""

import asyncio
import contextlib
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

SILENCE = 599
"""Instead of an answer."""
STATUS = web.RequestKey("status", int)
"""What it answered, kept with the request."""
SECRET = "a secret that both sides know"


@dataclass
class Receiver:
    """Answers with `answers` in turn, then with 204."""

    url: str = ""
    answers: list[int] = field(default_factory=list)
    requests: list[tuple[web.BaseRequest, bytes]] = field(default_factory=list)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.url.split(":")[2].split("/")[0])

    @property
    def alerts(self) -> list[dict[str, Any]]:
        """What it took, in order; the posts that it refused are not among them."""
        return [json.loads(body) for request, body in self.requests if request[STATUS] < 300]

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Remember, and answer."""
        body = await request.read()
        status = request[STATUS] = self.answers.pop(0) if self.answers else 204
        self.requests.append((request, body))
        if status == SILENCE:
            await asyncio.Event().wait()
        headers = {"Location": self.url} if 300 <= status < 400 else {}
        return web.Response(status=status, headers=headers)


@contextlib.asynccontextmanager
async def receiver(host: str = "127.0.0.1") -> AsyncIterator[Receiver]:
    """A receiver on a free port."""
    made = Receiver()
    runner = web.ServerRunner(web.Server(made.handle), shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, 0)
        await site.start()
        made.url = f"http://{host}:{runner.addresses[0][1]}/hook"
        yield made
    finally:
        await runner.cleanup()


def signed(header: str, body: bytes, secret: str = SECRET) -> bool:
    """Whether the signature is right and of the last minute; written apart from what makes it."""
    at, v1 = (part.partition("=")[2] for part in header.split(","))
    expected = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected, v1) and abs(time.time() - int(at)) < 60
