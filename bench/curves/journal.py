"""The points that are measured, each written when it is there: a run that is broken off goes on where it stopped."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from bench.curves.curve import SIZES, Curve, Figures, Size
from streams.errors import ConfigurationError
from streams.version import VERSION


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """One point: a line of the file."""

    curve: str
    size: Size
    value: float
    """On the axis."""
    figures: Figures
    seconds: float
    """What it took."""
    at: str
    """UTC, RFC 3339."""
    machine: dict[str, Any]
    """Points of one curve are of one machine."""
    version: str


class Journal:
    """The points in a file, oldest first."""

    def __init__(self, path: Path, machine: dict[str, Any]) -> None:
        """Raises ConfigurationError for a line that is no point."""
        self.path = path
        self.machine = machine
        self.points: list[Measured] = []
        for number, line in enumerate(path.read_bytes().splitlines() if path.exists() else (), 1):
            try:
                self.points.append(msgspec.json.decode(line, type=Measured))
            except msgspec.MsgspecError as error:
                raise ConfigurationError(f"{path}:{number} is no point of a curve: {error}; remove the line") from None

    def has(self, curve: Curve, size: Size, value: float) -> bool:
        """Whether the point is measured, on this machine."""
        return any(p.value == value for p in self._of(curve, size) if p.machine == self.machine)

    def add(self, curve: Curve, size: Size, value: float, figures: Figures, seconds: float) -> Measured:
        """Write a point down at once."""
        point = Measured(
            curve=curve.name,
            size=size,
            value=value,
            figures=figures,
            seconds=round(seconds, 1),
            at=datetime.now(UTC).isoformat(timespec="seconds"),
            machine=self.machine,
            version=VERSION,
        )
        self.points.append(point)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab") as file:
            file.write(msgspec.json.encode(point) + b"\n")
        return point

    def forget(self, curves: Sequence[Curve], size: Size) -> None:
        """Begin these curves anew."""
        names = {curve.name for curve in curves}
        self.points = [point for point in self.points if point.size != size or point.curve not in names]
        whole = b"".join(msgspec.json.encode(point) + b"\n" for point in self.points)
        beside = self.path.with_suffix(".new")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_bytes(whole)
        beside.replace(self.path)

    def typical_seconds(self, curve: Curve, size: Size) -> float:
        """What a point takes: the longest measured one, else as declared."""
        return max((point.seconds for point in self._of(curve, size)), default=curve.seconds[size])

    def shown(self, curve: Curve) -> list[Measured]:
        """What the page tells, along the axis: full points if there are any, of the machine that measured last."""
        for size in reversed(SIZES):
            if found := self._of(curve, size):
                newest = {point.value: point for point in found if point.machine == found[-1].machine}
                return [newest[value] for value in sorted(newest)]
        return []

    def _of(self, curve: Curve, size: Size) -> list[Measured]:
        return [point for point in self.points if (point.curve, point.size) == (curve.name, size)]
