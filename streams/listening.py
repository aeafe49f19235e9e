"""A socket for a process that serves pages, or one message that says which setting is wrong."""

import errno
import socket
from dataclasses import dataclass

from streams.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Pages:
    """Who listens, in the words of its settings."""

    who: str
    """Such as `the web process`."""
    prefix: str
    """The settings are called `{prefix}_HOST` and `{prefix}_PORT`."""
    other: str
    """What may have the port."""
    hint: str = ""
    """What else a port may be."""


WORKER = Pages("the worker's pages", "WORKER", "another worker", "; 0 takes a free one")
SCHEDULER = Pages("the scheduler's pages", "SCHEDULER", "another scheduler", "; 0 takes a free one")
WEB = Pages("the web process", "API", "another web process")


def listen(pages: Pages, host: str, port: int) -> socket.socket:
    """A socket that listens there. Raises ConfigurationError."""
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise ConfigurationError(
                f"{pages.prefix}_PORT={port} is in use on {host}, by {pages.other} or another program: stop that one, "
                f"or set another port{pages.hint}"
            ) from error
        raise ConfigurationError(
            f"{pages.who} cannot listen on {pages.prefix}_HOST={host} with {pages.prefix}_PORT={port}: "
            f"{error.strerror}. Set an address of this machine (0.0.0.0 is all of them) and a port that this user may "
            "take"
        ) from error
