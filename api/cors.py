"""Lets pages of other origins post events, and do nothing else."""

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

PREFLIGHT_SECONDS = 600


class Cors:
    """Answers browsers that ask whether a page of another origin may use the addresses below `path`."""

    def __init__(self, app: ASGIApp, path: str, origins: str) -> None:
        """`origins`: as `https://www.example.com,https://example.org`, or `*`."""
        self._app = app
        self._path = path
        self._open = CORSMiddleware(
            app,
            allow_origins=[origin.strip().rstrip("/") for origin in origins.split(",") if origin.strip()],
            allow_methods=["POST"],
            allow_headers=["*"],
            expose_headers=["Retry-After"],
            max_age=PREFLIGHT_SECONDS,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, through the rules of origins where they apply."""
        below = scope["type"] == "http" and scope["path"].startswith(self._path)
        await (self._open if below else self._app)(scope, receive, send)
