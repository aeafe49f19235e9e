"""A text that a command is given in a file, or on standard input."""

import sys
from pathlib import Path
from typing import Final

from streams.errors import ConfigurationError

STDIN: Final = "-"
"""The place that means standard input."""


def given(place: str, what: str) -> bytes:
    """The bytes there. Raises ConfigurationError, which says what cannot be read."""
    if place == STDIN:
        return sys.stdin.buffer.read()
    try:
        return Path(place).read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{what} cannot be read from {place}: {error.strerror}") from error
