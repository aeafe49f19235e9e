"""An outage told in few lines: when it begins, each minute while it lasts, and when it is over."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog

log = structlog.get_logger(__name__)

AGAIN_SECONDS = 60.0
"""How often an outage that goes on is told anew."""


@dataclass(slots=True)
class _Met:
    since: float
    told: float
    tries: int = 1


class Outages:
    """What is tried again and again, by name; each try that fails is counted, few are told."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._met: dict[str, _Met] = {}

    def met(self, event: str, name: str, **facts: Any) -> None:
        """A try of `name` has failed."""
        now = self._clock()
        known = self._met.get(name)
        if known is None:
            self._met[name] = _Met(now, now)
            log.warning(event, **facts)
            return
        known.tries += 1
        if now - known.told >= AGAIN_SECONDS:
            known.told = now
            log.warning(event, **facts, tries=known.tries, seconds=round(now - known.since))

    def over(self, event: str, name: str, **facts: Any) -> None:
        """A try of `name` has succeeded; told if one before it failed."""
        known = self._met.pop(name, None)
        if known is not None:
            log.info(event, **facts, tries=known.tries, seconds=round(self._clock() - known.since, 1))

    def lasts(self, name: str) -> bool:
        """Whether the newest try has failed."""
        return name in self._met
