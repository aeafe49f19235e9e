"""Refused questions as commands say them."""

from collections.abc import Callable
from typing import TypeVar

from streams.errors import ConfigurationError, QueryRefused

T = TypeVar("T")


def refusing(work: Callable[[], T]) -> T:
    """The result; a refusal with its way out as one message. Raises ConfigurationError."""
    try:
        return work()
    except QueryRefused as error:
        near = f" Did you mean {' or '.join(error.near)}?" if error.near else ""
        raise ConfigurationError(f"{error}{near} {error.hint}") from None
