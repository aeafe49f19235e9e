"""What one kind of fault is: its name, what it needs, how it begins, how it ends, how long it lasts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.faults.site import Site

End = Callable[[], object]
"""How a fault ends; returns when its cause is gone."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of a schedule. The same seed draws the same ones."""

    number: int
    kind: str
    pause: float
    """Seconds from the recovery of the one before it, or from that one's end if it `overlaps`."""
    seconds: float
    """How long it lasts."""
    pick: float
    """From 0 to 1: chooses the worker, view or step that it is about."""
    overlaps: bool
    """The next one does not wait until the stream has recovered from this one."""


Begin = Callable[["Site", Fault], End]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of fault, as the schedule, the report and the help see it."""

    name: str
    part: str
    """Whose fault it is: the name of the file that declares it."""
    about: str
    begin: Begin
    """Lets it begin and returns how it ends."""
    seconds: tuple[float, float]
    workers: tuple[int, int]
    """It needs a number of workers within these bounds."""
    change: int
    """Workers that there are more of, or fewer, once it has ended."""
    short_age: bool
    """It needs tables that refuse a batch after seconds, not minutes."""
    long: bool
    """It takes a minute or more; a small run has one of these."""
    own_disk: bool
    """ClickHouse's data needs a file system of its own, which not everybody may mount: it comes only if asked for."""
    tool: str
    """What it needs of `make tools` beside Apache Kafka; empty: nothing."""


KINDS: dict[str, Kind] = {}
"""Every kind by name, in the order of declaration."""


def kind(
    part: str,
    name: str,
    about: str,
    seconds: tuple[float, float] = (0.0, 0.0),
    *,
    workers: tuple[int, int] = (1, 4),
    change: int = 0,
    short_age: bool = False,
    long: bool = False,
    own_disk: bool = False,
    tool: str = "",
) -> Callable[[Begin], Begin]:
    """Declare a function to be how this kind begins; what it returns is how it ends. `seconds`: least and most."""

    def declare(begin: Begin) -> Begin:
        assert name not in KINDS, f"{name} is declared twice"
        KINDS[name] = Kind(name, part, about, begin, seconds, workers, change, short_age, long, own_disk, tool)
        return begin

    return declare


def nothing() -> None:
    """The end of a fault that is over as soon as it has happened."""
