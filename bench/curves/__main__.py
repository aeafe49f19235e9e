"""The curves, point by point: `python -m bench curves` appends each to bench/results/curves.jsonl and draws them.

A run that is broken off goes on where it stopped; `--anew` begins again. Points of another size or machine stay in the
file and do not count as measured. At the end pictures and tables of docs/performance.md are written again.
"""

import argparse
import os
import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import machine, readme
from bench.curves.curve import SIZES, Curve, Size, chosen, figure
from bench.curves.declared import CURVES
from bench.curves.journal import Journal, Measured
from bench.curves.pictures import JOURNAL, draw
from bench.curves.stores import STORES
from deploy.local import tools
from streams.errors import ConfigurationError

console = Console(stderr=True)


@dataclass(slots=True)
class Run:
    """Measures what is not measured yet."""

    journal: Journal
    size: Size
    failed: list[str] = field(default_factory=list)
    """Points that gave no figures, and why."""

    def measure(self, curves: Sequence[Curve]) -> None:
        """All points of these curves. One that fails is told, left out, and tried again by the next run."""
        left = [
            (curve, value)
            for curve in curves
            for value in curve.points[self.size]
            if not self.journal.has(curve, self.size, value)
        ]
        whole = sum(len(curve.points[self.size]) for curve in curves)
        for number, (curve, value) in enumerate(left):
            seconds = sum(self.journal.typical_seconds(each, self.size) for each, _ in left[number:])
            place = f"[{whole - len(left) + number + 1}/{whole}] {curve.name}: {value:,g} {curve.axis}"
            console.print(f"{place}; about {_minutes(seconds)} left", markup=False)
            self._point(curve, value)

    def _point(self, curve: Curve, value: float) -> None:
        began = time.monotonic()
        try:
            figures = curve.measure(value, self.size)
        except Exception as error:
            self.failed.append(f"{curve.name} at {value:,g}: {error!r}")
            console.print(traceback.format_exc(), style="red", markup=False)
            return
        point = self.journal.add(curve, self.size, value, figures, time.monotonic() - began)
        console.print(f"  {told(curve, point)} ({point.seconds:.0f} s)", markup=False)


def told(curve: Curve, point: Measured) -> str:
    """What is drawn of a point, in one line."""
    names = [name for plot in curve.plots for name in plot.figures]
    found = ((name, figure(point.figures, name)) for name in dict.fromkeys(names))
    return ", ".join(f"{name} {value:,g}" for name, value in found if value is not None)


def table(curves: Sequence[Curve], journal: Journal) -> Table:
    """Everything that is drawn, of all points that are there."""
    made = Table("Curve", "Value", "Figures", "Size")
    for curve in curves:
        for point in journal.shown(curve):
            made.add_row(curve.name, f"{point.value:,g}", told(curve, point), point.size)
    return made


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"


def main() -> None:
    """Measure, print, draw."""
    parser = argparse.ArgumentParser(prog="python -m bench curves", description=__doc__)
    parser.add_argument("--size", choices=SIZES, default="full", help="points and events (default: %(default)s)")
    names = [curve.name for curve in CURVES]
    parser.add_argument("--only", nargs="+", metavar="NAME", choices=names, help=f"these alone: {', '.join(names)}")
    parser.add_argument("--anew", action="store_true", help="measure again what is measured already")
    stores = "folder that the stores of `rows` stay in: not filled again, and there for `bench endpoints --home`"
    parser.add_argument("--stores", type=Path, metavar="FOLDER", help=stores)
    parser.add_argument("--draw", action="store_true", help="measure nothing: write pictures and page again")
    parser.add_argument("--output", type=Path, default=JOURNAL, help="file of the points (default: %(default)s)")
    arguments = parser.parse_args()
    if tools.kafka() is None and not arguments.draw:
        sys.exit("Apache Kafka is missing; run `make tools`")
    try:
        run = Run(Journal(arguments.output, machine.described()), arguments.size)
    except ConfigurationError as error:
        sys.exit(str(error))
    if arguments.stores:
        os.environ[STORES] = str(arguments.stores)
    curves = [*chosen(CURVES, arguments.only)]
    if arguments.anew and not arguments.draw:
        run.journal.forget(curves, arguments.size)
    if not arguments.draw:
        run.measure(curves)
    if arguments.output == JOURNAL:
        draw(run.journal)
        readme.main()
    Console(file=sys.stdout, width=120).print(table(curves, run.journal))
    if run.failed:
        sys.exit("no figures of these, which the next run tries again:\n" + "\n".join(run.failed))


if __name__ == "__main__":
    main()
