"""`millrace web`: the web process, the API and the dashboard."""

import contextlib
import errno
import socket
from typing import Annotated

import typer

from streams.errors import ConfigurationError
from streams.settings import load

STREAM_SECONDS = 5
"""How long open streams may take to end when the process is asked to."""


def web(
    host: Annotated[str | None, typer.Option(help="Address to listen on, instead of API_HOST.")] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Port, instead of API_PORT.")] = None,
) -> None:
    """Serve the live API and the dashboard. What they show is in Redis, so any number may run beside the workers."""
    # Here, so that the other commands, and the help of this one, do not wait for them.
    import uvicorn

    from api.app import create
    from streams import log

    settings = load()
    log.configure(settings.log_format, settings.log_level)
    listener = _listen(host or settings.api_host, port or settings.api_port)
    config = uvicorn.Config(create(settings), access_log=False, timeout_graceful_shutdown=STREAM_SECONDS)
    server = uvicorn.Server(config)
    with listener, contextlib.suppress(KeyboardInterrupt):
        server.run(sockets=[listener])
    if not server.started:
        raise typer.Exit(1)


def _listen(host: str, port: int) -> socket.socket:
    """A socket that listens there. Raises ConfigurationError."""
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise ConfigurationError(
                f"API_PORT={port} is in use on {host}, by another web process or another program: stop that one, or "
                "set another port"
            ) from error
        raise ConfigurationError(
            f"the web process cannot listen on API_HOST={host} with API_PORT={port}: {error.strerror}. Set an address "
            "of this machine (0.0.0.0 is all of them) and a port that this user may take"
        ) from error
