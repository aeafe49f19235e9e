"""`millrace scheduler`: the process that runs jobs at their due times."""

import asyncio
import signal
import socket
from typing import Annotated

import typer

from metadata.schedule.declared import jobs
from metadata.schedule.pages import served
from metadata.schedule.scheduler import Scheduler
from metadata.session import connect
from streams import log
from streams.listening import SCHEDULER, listen
from streams.settings import Settings, load


def scheduler(
    host: Annotated[str | None, typer.Option(help="Address of its pages, instead of SCHEDULER_HOST.")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port of its pages, instead of SCHEDULER_PORT.")
    ] = None,
) -> None:
    """Run jobs at their due times, and serve /live, /ready, /health and /metrics.

    Any number may run: one has the lease in PostgreSQL and works, the others wait for it. SIGTERM ends what is running;
    it waits for another scheduler then.
    """
    settings = load()
    log.configure(settings.log_format, settings.log_level)
    asyncio.run(_serve(settings, host or settings.scheduler_host, settings.scheduler_port if port is None else port))


async def _serve(settings: Settings, host: str, port: int) -> None:
    engine = connect(settings)
    made = Scheduler(settings, engine, jobs(settings))
    listener: socket.socket = listen(SCHEDULER, host, port)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, made.stop)
    try:
        async with served(made, listener):
            await made.run()
    finally:
        await engine.dispose()
