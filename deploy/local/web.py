"""The web process as a part: the API and the dashboard, started beside the workers."""

import sys
from pathlib import Path

from deploy.local.part import Part
from deploy.local.process import Command
from deploy.local.worker import environment, page
from streams.cli.web import STREAM_SECONDS
from streams.settings import Settings


class Web:
    """One process of `millrace web`; all it shows is in Redis."""

    name = "web"
    setting = ""
    keeps_state = True

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def prepare(self) -> None:
        """Nothing: it has no data of its own."""

    def command(self, port: int) -> Command:
        """The server on this port."""
        own = {"API_HOST": "127.0.0.1", "API_PORT": str(port)}
        argv = (sys.executable, "-m", "streams.cli", "web")
        return Command(argv, env=environment(self.settings) | own, grace=STREAM_SECONDS + 5)

    def url(self, port: int) -> str:
        """The dashboard."""
        return f"http://127.0.0.1:{port}"


def web_part(settings: Settings, logs: Path, hold: tuple[int, ...] = ()) -> Part:
    """A web process that is not started yet. `hold`: see Process."""
    return Part(Web(settings), ping, logs, lambda _: None, hold)


def ping(url: str) -> None:
    """Ask for /live, which depends on no other part."""
    status, _ = page(url, "live")
    if status != 200:
        raise OSError(f"{url}/live answers {status}")
