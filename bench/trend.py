"""How fast the main job has been beside the fixed loop, run by run, and whether this run lies below it beyond noise."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from streams.errors import ConfigurationError

NEWEST = 20
"""Points of the history that are looked at."""
FEWEST = 3
"""Points that say how far they lie apart; of fewer, `UNKNOWN` is taken."""
UNKNOWN = 0.05
"""Deviation, as a share of the ratio, that is taken where it is not known."""
FLOOR = 0.1
"""A difference below this share of the usual ratio is noise: a machine that is fully taken makes 7 % by itself."""
DEVIATIONS = 3.0
"""A drop lies so many standard deviations below."""
_TO_DEVIATION = 1.4826
"""From a median absolute deviation to the standard deviation of a normal distribution."""


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """One run of the guard: a line of the history."""

    at: str
    """UTC, RFC 3339."""
    ratio: float
    """Speed of the main job as a share of the fixed loop's, by CPU."""
    spread: list[float]
    """The ratio of each process."""
    stages: dict[str, float]
    """What each stage costs an event, in units of the fixed loop's event."""
    job_us: float
    """Microseconds of CPU an event, on that machine at that time."""
    reference_us: float
    work: str
    """The fixed loop and the events: points of other work are not comparable."""
    python: str
    """Major and minor version."""
    processor: str
    cores: int
    version: str
    """Of the product."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a run is, held against the history."""

    usual: float | None
    """Median ratio of the comparable points; None where there are none."""
    noise: float
    """How far below the usual ratio chance may lead."""
    points: int
    """Comparable ones."""
    slower: dict[str, float]
    """How many times as much each stage costs as usual, of those that cost more, most first."""
    drop: float
    """Share of the usual ratio that this run lies below it; negative if above."""

    @property
    def is_drop(self) -> bool:
        """Whether it lies below beyond the noise."""
        return self.usual is not None and self.drop * self.usual > self.noise


def judge(point: Point, history: Sequence[Point]) -> Verdict:
    """Hold a run against the comparable part of the history."""
    known = comparable(point, history)
    if not known:
        return Verdict(None, 0.0, 0, {}, 0.0)
    ratios = [each.ratio for each in known]
    usual = statistics.median(ratios)
    noise = DEVIATIONS * math.hypot(_of_history(ratios, usual), _of_run(point.spread))
    return Verdict(usual, max(noise, FLOOR * usual), len(known), _slower(point, known), 1 - point.ratio / usual)


def comparable(point: Point, history: Sequence[Point]) -> list[Point]:
    """The newest points of the same work and Python; of the same processor alone, where it has enough of them."""
    same = [each for each in history if (each.work, each.python) == (point.work, point.python)]
    here = [each for each in same if each.processor == point.processor]
    return (here if len(here) >= FEWEST else same)[-NEWEST:]


def read(path: Path) -> list[Point]:
    """The history, oldest first; empty where there is none. Raises ConfigurationError for a line that is no point."""
    points = []
    for number, line in enumerate(path.read_bytes().splitlines() if path.exists() else (), 1):
        try:
            points.append(msgspec.json.decode(line, type=Point))
        except msgspec.MsgspecError as error:
            raise ConfigurationError(f"{path}:{number} is no run of the guard: {error}; remove the line") from None
    return points


def append(path: Path, point: Point) -> None:
    """Add a run to the history."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        file.write(msgspec.json.encode(point) + b"\n")


def _of_history(ratios: list[float], usual: float) -> float:
    if len(ratios) < FEWEST:
        return UNKNOWN * usual
    return _TO_DEVIATION * statistics.median(abs(ratio - usual) for ratio in ratios)


def _of_run(spread: list[float]) -> float:
    """Standard error of the run's own ratio."""
    return statistics.stdev(spread) / math.sqrt(len(spread)) if len(spread) > 1 else 0.0


def _slower(point: Point, known: list[Point]) -> dict[str, float]:
    usual = {name: [each.stages[name] for each in known if name in each.stages] for name in point.stages}
    times = {name: point.stages[name] / statistics.median(before) for name, before in usual.items() if before}
    return dict(sorted(((n, t) for n, t in times.items() if t > 1), key=lambda pair: -pair[1]))
