"""Named places in the delivery protocol at which a test can stop the process dead."""

import os
import signal

_armed: str | None = None
_left = 0


def arm(place: str | None) -> None:
    """Kill this process at `name:before`, `name:after` or `name:before:3` (the third time it gets there)."""
    global _armed, _left
    if not place:
        _armed = None
        return
    name, _, rest = place.partition(":")
    when, _, count = rest.partition(":")
    _armed, _left = f"{name}:{when}", int(count or 1)


def point(name: str, when: str) -> None:
    """A numbered step begins (`before`) or has ended (`after`)."""
    global _left
    if _armed is None or _armed != f"{name}:{when}":
        return
    _left -= 1
    if _left <= 0:
        os.kill(os.getpid(), signal.SIGKILL)
