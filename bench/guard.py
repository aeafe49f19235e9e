"""Whether the main job has become slower: `python -m bench guard` prints its speed beside the history, within a minute.

Everything that a worker does with an event between the network on both sides (bench/stages.py) takes turns with a fixed
loop that never changes (bench/reference.py), in several processes. What is told is the ratio of their speeds by CPU:
unlike any figure in events a second, it says much the same on a slow machine, on a quick one, and beside other work.

A drop beyond the noise of the history and of this run is told loudly, on stderr too, and never by an exit code. With
`--record`, as `make bench` calls it, the run becomes a line of bench/results/history.jsonl and of docs/performance.md.
"""

import argparse
import os
import platform
import statistics
import sys
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import paired, readme, reference, trend
from bench.machine import processor
from bench.paired import Round
from bench.stages import Backlog
from bench.trend import Point, Verdict
from streams.errors import ConfigurationError
from streams.version import VERSION

HISTORY = Path(__file__).parent / "results" / "history.jsonl"
PROCESSES, ROUNDS = 3, 6
SHOWN = 8
"""Points of the history that are printed."""
RULE = "*" * 100


def point_of(found: list[list[Round]]) -> Point:
    """The run as a point of the history. `found`: rounds of each process."""
    spread = [round(statistics.median(each.ratio for each in rounds), 4) for rounds in found]
    every = [each for rounds in found for each in rounds]
    return Point(
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        ratio=round(statistics.median(spread), 4),
        spread=spread,
        stages={name: round(cost, 3) for name, cost in paired.middle(every).items()},
        job_us=round(statistics.median(each.job for each in every), 2),
        reference_us=round(statistics.median(each.reference for each in every), 2),
        work=f"{reference.NAME}/{Backlog(paired.EVENTS).digest}",
        python=".".join(platform.python_version_tuple()[:2]),
        processor=processor(),
        cores=os.cpu_count() or 1,
        version=VERSION,
    )


def told(point: Point, verdict: Verdict) -> str:
    """The sentence that the run ends with."""
    if verdict.usual is None:
        return f"No run of the same work on Python {point.python} is in the history yet, so nothing is judged."
    against = f"{point.ratio:.3f} against {verdict.usual:.3f} as usual, over {verdict.points} runs"
    share = f"{abs(verdict.drop):.1%} {'lower' if verdict.drop > 0 else 'higher'}"
    noise = f"chance explains {verdict.noise / verdict.usual:.1%}"
    if not verdict.is_drop:
        return f"No drop: {against}; {share}, {noise}."
    blame = ", ".join(f"{name} {times:.2f} times" for name, times in verdict.slower.items() if times > 1 + trend.FLOOR)
    cost = f" What it costs beside the fixed loop, against usual: {blame}." if blame else ""
    return f"THE MAIN JOB HAS BECOME SLOWER: {against}; {share}, and {noise}.{cost}"


def table(point: Point, history: list[Point]) -> Table:
    """The newest comparable runs, and this one."""
    names = list(point.stages)
    made = Table("Run", "Version", "Ratio", "us an event", *names, title="Speed of the main job, fixed loop = 1")
    for each, when in [*((p, p.at[:16]) for p in trend.comparable(point, history)[-SHOWN:]), (point, "this run")]:
        costs = (f"{each.stages[name] * each.reference_us:.2f}" if name in each.stages else "" for name in names)
        made.add_row(when, each.version, f"{each.ratio:.3f}", f"{each.job_us:.1f}", *costs)
    return made


def tell(point: Point, history: list[Point]) -> None:
    """Print the run beside the history; a drop on stderr as well, and where GitHub shows warnings."""
    verdict = trend.judge(point, history)
    said = told(point, verdict)
    Console(file=sys.stdout, width=110).print(table(point, history))
    sys.stdout.write(f"{said}\n")
    if verdict.is_drop:
        sys.stdout.flush()
        sys.stderr.write(f"{RULE}\n{said}\n{RULE}\n")
        if os.environ.get("GITHUB_ACTIONS") == "true":
            sys.stdout.write(f"::warning title=The main job has become slower::{said}\n")


def main() -> None:
    """Measure, tell, and record where it is wanted."""
    parser = argparse.ArgumentParser(prog="python -m bench guard", description=__doc__)
    parser.add_argument("--processes", type=int, default=PROCESSES, help="one after the other (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="of each process (default: %(default)s)")
    parser.add_argument("--history", type=Path, default=HISTORY, help="file of earlier runs (default: %(default)s)")
    parser.add_argument("--record", action="store_true", help="add this run to it")
    arguments = parser.parse_args()
    if min(arguments.processes, arguments.rounds) < 1:
        parser.error("--processes and --rounds: at least 1 of each, for there is nothing to tell otherwise")
    try:
        history = trend.read(arguments.history)
    except ConfigurationError as error:
        sys.exit(str(error))
    point = point_of(paired.in_processes(arguments.processes, arguments.rounds))
    tell(point, history)
    if arguments.record:
        trend.append(arguments.history, point)
        if arguments.history == HISTORY:
            readme.main()


if __name__ == "__main__":
    main()
