"""docs/faults.md: what all runs of a file of results found, by kind of fault."""

from collections import defaultdict
from collections.abc import Sequence
from statistics import median

from tests.faults.kinds import KINDS
from tests.faults.results import ROOT, Met, Result, total

PAGE = ROOT / "docs/faults.md"
HEAD = """<!-- Written by `python -m tests.faults --report` from tests/faults/results.jsonl. -->
# Faults that were caused, and what became of the events

[The fault harness](exactly-once.md#the-fault-harness) runs Apache Kafka, ClickHouse, Redis, PostgreSQL and two to
four workers, causes faults over a schedule drawn from a seed, and then holds every record of every topic to every
table. *Lost* are rows and dead letters that are not there, *doubled* those that are there twice or that nobody
expects. *Resumed* is the time from the end of a fault (the part answers again, the process is started again) until of
every shard a record appended since then can be queried: it holds the start of a worker, the rebalance, the recovery
and the backlog. A fault that the next one overlapped has no such time.

A full disk is caused in two ways: by the tables' own limit of free room, which refuses what `keep_free_space_bytes`
refuses, but in the middle of anything, everywhere; and by a small file system that has less left than
`keep_free_space_bytes`, for whoever may mount one and asks for `--kinds clickhouse-no-space`. A disk without a single
byte left is not: ClickHouse itself may then keep a merge that it could not write (see the assumptions).
Not caused is what one broker and one ClickHouse cannot show: the loss of a replica, an
unclean election, a machine that goes down with what was not flushed.
"""


def text(results: Sequence[Result]) -> str:
    """The page."""
    lines = [HEAD, f"`{total(list(results))}`", ""]
    runs = [each for each in results if not each.problems]
    lines += [f"{len(results)} runs, {len(runs)} of them without anything to report.", ""]
    lines += ["## By kind", "", "| kind | faults | lasted, median | resumed, median | resumed, worst | what happens |"]
    lines += ["|---|---|---|---|---|---|"]
    met = _met(results)
    lines += [_row(name, met.get(name, []), kind.about) for name, kind in KINDS.items()]
    lines += ["", "Times are seconds.", "", "## Runs", ""]
    lines += ["| seed | version | started | workers | age | events | faults | lost | doubled | seconds |"]
    lines += ["|---|---|---|---|---|---|---|---|---|---|"]
    lines += [_run(each) for each in results]
    failed = [each for each in results if each.problems]
    if failed:
        lines += ["", "## What did not hold", ""]
        lines += [f"- seed {each.seed}, {each.version}: {_first_lines(each.problems)}" for each in failed]
    return "\n".join(lines) + "\n"


def _met(results: Sequence[Result]) -> dict[str, list[Met]]:
    found: dict[str, list[Met]] = defaultdict(list)
    for result in results:
        for each in result.faults:
            found[each.kind].append(each)
    return found


def _row(name: str, met: Sequence[Met], about: str) -> str:
    resumed = [each.resumed for each in met if each.resumed is not None]
    lasted = f"{median(each.lasted for each in met):.1f}" if met else ""
    usual, worst = (f"{median(resumed):.1f}", f"{max(resumed):.1f}") if resumed else ("", "")
    return f"| `{name}` | {len(met)} | {lasted} | {usual} | {worst} | {about} |"


def _run(each: Result) -> str:
    started = each.started_at[:16].replace("T", " ")
    return (
        f"| {each.seed} | {each.version} | {started} | {each.workers} | {each.age:g} | {each.events} "
        f"| {len(each.faults)} | {each.lost} | {each.doubled} | {each.seconds:.0f} |"
    )


def _first_lines(problems: Sequence[str]) -> str:
    return "; ".join(problem.partition("\n")[0][:300] for problem in problems)
