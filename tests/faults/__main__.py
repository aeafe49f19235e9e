"""`python -m tests.faults`: cause faults by seed, hold every row to the log, and sum up what was found."""

import argparse
import shutil
import signal
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from deploy.local.tools import TOOLS
from tests.faults import outages, report, results
from tests.faults.kinds import KINDS
from tests.faults.run import Load, run, say
from tests.faults.schedule import ORDINARY, Schedule, draw


class Size(NamedTuple):
    """How much is done unless told otherwise."""

    seeds: str
    faults: int
    """A run."""
    events: int
    """A run, at least."""
    rate: float
    """Records a second."""
    about: str


SIZES = {
    "ci": Size(
        "today", 10, 0, 500, "one run of three to five minutes; the seed is the day, so all kinds come by and by"
    ),
    "small": Size("1-2", 15, 0, 500, "two runs, ten minutes"),
    "medium": Size("1-10", 25, 100_000, 1000, "ten runs of 25 faults, an hour and a half"),
    "long": Size("1-40", 25, 260_000, 1500, "forty runs: ten million events and a thousand faults, eight hours"),
    "full": Size("1-40", 25, 260_000, 1500, "the same; `make test-faults SIZE=full` first runs `pytest -m faults`"),
}


def seeds(text: str) -> list[int]:
    """`3`, `1-5`, `2,4,8-10`, or `today`: the number of the day. Raises ArgumentTypeError."""
    if text == "today":
        return [datetime.now(UTC).toordinal()]
    found: list[int] = []
    try:
        for part in text.split(","):
            first, _, last = part.partition("-")
            found += range(int(first), int(last or first) + 1)
    except ValueError:
        raise argparse.ArgumentTypeError(f"--seeds {text}: give numbers and ranges, such as 1-5 or 2,4,8-10") from None
    return found


def kinds(text: str) -> list[str]:
    """Names of kinds, or of parts for all ordinary kinds of theirs. Raises ArgumentTypeError."""
    found: list[str] = []
    for word in text.split(","):
        fitting = [name for name, kind in KINDS.items() if word == name or (word == kind.part and name in ORDINARY)]
        if not fitting:
            raise argparse.ArgumentTypeError(f"--kinds {word}: there is no such kind or part; see --list")
        found += [name for name in fitting if name not in found]
    return found


def parser() -> argparse.ArgumentParser:
    """The command line."""
    sizes = "\n".join(f"  {name:7} {size.about}" for name, size in SIZES.items())
    made = argparse.ArgumentParser(
        prog="python -m tests.faults",
        description=__doc__,
        epilog=f"sizes:\n{sizes}\n\nA seed that is in the results is not run again: a long run may be stopped.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--size", choices=SIZES, default="small", help="what the options below are if not given (small)")
    made.add_argument("--seeds", type=seeds, help="such as 1-5 or 2,4,8-10; `today`: the number of the day")
    made.add_argument("--faults", type=int, help="faults of a run")
    made.add_argument("--events", type=int, help="records of a run at least; without faults left, it only sends")
    made.add_argument("--rate", type=float, help="records a second")
    made.add_argument("--kinds", type=kinds, default=[], help="only these kinds, or those of these parts: a,b")
    made.add_argument("--without", type=kinds, default=[], help="not these kinds, nor those of these parts: a,b")
    made.add_argument("--results", type=Path, default=results.RESULTS, help="where runs are kept, a line each")
    made.add_argument("--again", action="store_true", help="also run seeds that are in the results")
    made.add_argument("--keep", type=Path, help="keep data and logs of failed runs in this folder")
    made.add_argument("--list", action="store_true", help="show every kind, and end")
    made.add_argument("--schedule", action="store_true", help="show what the seeds draw, and end")
    made.add_argument(
        "--report",
        action="store_true",
        help="only write docs/faults.md, and the outages in docs/operations.md, from the results; runs write them too, "
        "unless --results is given",
    )
    return made


def main() -> int:
    """Exit code 1 if anything did not hold, 2 if nothing can be run."""
    given = parser().parse_args()
    # Both end the run with a verdict; a shell starts what runs in the background deaf to SIGINT.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    size = SIZES[given.size]
    chosen, count = given.seeds or seeds(size.seeds), given.faults or size.faults
    names = [name for name in given.kinds or (KINDS if given.list else ORDINARY) if name not in given.without]
    schedules = {seed: draw(seed, count, names, brief=given.size == "ci") for seed in chosen}
    if given.list or given.schedule:
        about = [f"{name:24} {KINDS[name].part:12} {KINDS[name].about}" for name in names]
        shown = about if given.list else [str(schedule) for schedule in schedules.values()]
        sys.stdout.write("\n".join(shown) + "\n")
        return 0
    if not given.report:
        if lacking := missing(names):
            sys.stderr.write(f"{lacking}; run `make tools`\n")
            return 2
        load = Load(given.rate or size.rate, size.events if given.events is None else given.events)
        _run_all(given, schedules, load)
    found = results.load(given.results)
    if given.report or given.results == results.RESULTS:
        report.PAGE.write_text(report.text(found))
        outages.PAGE.write_text(outages.page(found, outages.PAGE.read_text()))
    ours = found if given.report else [each for each in found if each.seed in chosen]
    sys.stdout.write(f"{results.total(ours)}\n")
    return int(any(each.problems for each in ours))


def missing(names: list[str]) -> str:
    """Which tools are not here, and which kinds need them; empty if all are."""
    needed = {"kafka": "every kind"} | {KINDS[name].tool: f"{name} (or leave it --without)" for name in names}
    needed.pop("", None)
    return "; ".join(f"{tool} is missing for {what}" for tool, what in needed.items() if TOOLS[tool].find() is None)


def _run_all(given: argparse.Namespace, schedules: dict[int, Schedule], load: Load) -> None:
    """Run the seeds that are left, and keep the result of each."""
    done = set() if given.again else {each.seed for each in results.load(given.results)}
    for seed, schedule in schedules.items():
        if seed in done:
            say(f"seed {seed} is in {given.results}; --again runs it once more")
            continue
        say(f"seed {seed}: {len(schedule.faults)} faults, {schedule.workers} workers, {load.rate:g} records a second")
        home = Path(tempfile.mkdtemp(prefix="millrace-faults-"))
        # PostgreSQL does not run as root, and who it runs as has to get here.
        home.chmod(0o755)
        try:
            result = run(schedule, load, home)
            if not result.interrupted:
                results.append(given.results, result)
            if result.problems and given.keep:
                shutil.copytree(home, given.keep / f"seed-{seed}", symlinks=True, dirs_exist_ok=True)
        finally:
            shutil.rmtree(home, ignore_errors=True)
        word = "FAILED" if result.problems else "passed"
        say(f"seed {seed} {word} after {result.seconds:.0f} s: {results.total([result])}")
        if result.interrupted:
            break


if __name__ == "__main__":
    sys.exit(main())
