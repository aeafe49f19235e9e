"""`millrace web`: the web process, the API and the dashboard."""

import contextlib
from typing import Annotated

import typer

from streams.listening import WEB, listen
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
    listener = listen(WEB, host or settings.api_host, port or settings.api_port)
    config = uvicorn.Config(create(settings), access_log=False, timeout_graceful_shutdown=STREAM_SECONDS)
    server = uvicorn.Server(config)
    with listener, contextlib.suppress(KeyboardInterrupt):
        server.run(sockets=[listener])
    if not server.started:
        raise typer.Exit(1)
