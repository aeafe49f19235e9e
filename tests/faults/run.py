"""One run: the schedule of a seed against a stream that never rests, and the verdict on all that was sent."""

import asyncio
import json
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from streams.settings import Settings
from streams.world.truth import merged
from tests.faults import results
from tests.faults.chains import disordered
from tests.faults.history import tell
from tests.faults.kinds import KINDS, Fault
from tests.faults.opening import opened
from tests.faults.results import Met, Result
from tests.faults.schedule import Schedule
from tests.faults.site import Site
from tests.faults.verdict import Verdict, judge, rollups
from tests.faults.windows import differing, live_differing
from tests.support.found import moved_on
from tests.support.waiting import PAUSE, until

SHARES = ("--invalid", "0.01", "--duplicate", "0.01", "--late", "0.02")
QUIET_SECONDS, WINDOWS_SECONDS = 60.0, 60.0
"""How long before the end of the stream a window must have ended to be looked at, and the wait for it to be kept."""
LISTED = 200
"""Batches of each shard that `millrace batches --verify` counts, and windows that are told one by one."""


@dataclass(frozen=True)
class Load:
    """How much is sent."""

    rate: float
    """Records a second."""
    events: int
    """At least so many in all, if need be after the last fault."""


def say(text: str) -> None:
    """Tell whoever watches."""
    sys.stderr.write(f"{datetime.now(UTC):%H:%M:%S} {text}\n")
    sys.stderr.flush()


def run(schedule: Schedule, load: Load, home: Path) -> Result:
    """Run the schedule in an empty home folder; what was found. Raises only what no verdict can be given on."""
    began, started_at = time.monotonic(), datetime.now(UTC).isoformat(timespec="seconds")
    with opened(home, short_age=schedule.short_age, own_disk=schedule.own_disk) as site:
        met: list[Met] = []
        interrupted = False
        steps: list[Callable[[], None]] = [partial(_send, site, schedule, load, met), partial(_drain, site)]
        for step in steps:
            try:
                step()
            except KeyboardInterrupt:
                interrupted = True
                site.problems.append("interrupted")
                break
            except Exception:
                # What is in the tables is looked at all the same.
                site.problems.append(f"after {len(met)} faults: {traceback.format_exc()}")
                say(f"seed {schedule.seed}: {site.problems[-1]}")
        say(f"seed {schedule.seed}: the verdict on {sum(map(_total, site.sent))} records")
        for hand in site.hands:
            if hand.worker.running:
                site.stop(hand.worker)
        verdict = asyncio.run(_verdict(site))
        verdict.problems += [*site.problems, *_invariants(site), *_batches(site)]
        if verdict.problems:
            for line in explained(site.settings, schedule, verdict, site.home / "workers"):
                say(line)
        return Result(
            seed=schedule.seed,
            version=results.version(),
            started_at=started_at,
            workers=schedule.workers,
            rate=load.rate,
            age=site.settings.batch_age_seconds,
            faults=met,
            events=verdict.events,
            lost=verdict.lost,
            doubled=verdict.doubled,
            seconds=round(time.monotonic() - began, 1),
            problems=verdict.problems,
            interrupted=interrupted,
        )


def _send(site: Site, schedule: Schedule, load: Load, met: list[Met]) -> None:
    """From the first worker to the last record; faults meanwhile."""
    for _ in range(schedule.workers):
        site.hire()
    site.words = ("load", "--rate", f"{load.rate:g}", "--count", "0", "--seed", str(schedule.seed), *SHARES)
    site.send()
    began = time.monotonic()
    try:
        site.wait_moving()
        for fault in schedule.faults:
            met.append(_cause(site, schedule, fault))
            _check_sending(site)
        while time.monotonic() < began + load.events / load.rate:
            PAUSE.wait(1)
            _check_sending(site)
    finally:
        if site.producer is not None:
            site.cease()


def _check_sending(site: Site) -> None:
    assert site.producer is not None, "nobody sends"
    assert site.producer.running, "the producer has ended"


def _drain(site: Site) -> None:
    """Until the last row is there, and the last window that must be."""
    site.wait_delivered()
    _close_windows(site)
    _complete_rollups(site)


def _close_windows(site: Site) -> None:
    """Wait until every window that ended before the last minute is kept as the rows say, and all are told live so."""
    before = time.time() - QUIET_SECONDS
    _wait_windows(site, "windows to be kept", lambda: differing(site.settings, before))
    _wait_windows(site, "windows to be told live", lambda: asyncio.run(live_differing(site.settings)))


def _wait_windows(site: Site, what: str, wrong: Callable[[], list[str]]) -> None:
    try:
        until(what, lambda: not wrong(), WINDOWS_SECONDS)
    except AssertionError:
        site.problems += wrong()[:LISTED]


def _complete_rollups(site: Site) -> None:
    """Of a batch that aged with an unknown outcome a rollup may lack rows until its days are made again, as daily."""
    if asyncio.run(rollups(site.settings)) and site.ask("SELECT 1 FROM repairs LIMIT 1"):
        say("days that batches left open are made again")
        site.millrace("reconcile", "--repair")


def _cause(site: Site, schedule: Schedule, fault: Fault) -> Met:
    """Cause one fault and wait until the stream has recovered from it."""
    kind = KINDS[fault.kind]
    PAUSE.wait(fault.pause)
    site.look()
    began = time.monotonic()
    end = kind.begin(site, fault)
    PAUSE.wait(fault.seconds)
    end()
    lasted = time.monotonic() - began
    resumed = None if fault.overlaps else _resumed(site, fault)
    site.look()
    after = "the next one comes now" if resumed is None else f"resumed after {resumed:.1f} s"
    say(
        f"seed {schedule.seed}: fault {fault.number} of {len(schedule.faults)}, {fault.kind}: {lasted:.1f} s, {after}; "
        f"{moved_on(site.settings) if resumed is not None else '...'} rows"
    )
    return Met(fault.kind, kind.part, round(lasted, 2), resumed, fault.pick)


def _resumed(site: Site, fault: Fault) -> float | None:
    """Seconds until the stream moved again; None, and a problem, if it does not: the rest of the run shows more."""
    try:
        return round(site.wait_moving(), 2)
    except AssertionError as error:
        site.problems.append(f"after fault {fault.number}, {fault.kind}: {error}")
        say(site.problems[-1])
        return None


async def _verdict(site: Site) -> Verdict:
    wanted, left_out = await site.oracle.read(), await site.left_out.read()
    verdict = await judge(site.settings, wanted, left_out, merged(site.sent))
    verdict.problems += await disordered(site.settings)
    if (found := sum(map(len, wanted.contested.values()))) != site.contested:
        verdict.problems.append(f"{found} events that versions judge differently are in the topics of {site.contested}")
    return verdict


def _total(sent: dict[str, Any]) -> int:
    raw = sum(count for table, count in sent["rows"].items() if table in ("events_raw", "events"))
    return int(raw + sum(sent["dead_letters"].values()) + sent["duplicates"] + sent["sampled_out"])


def _invariants(site: Site) -> list[str]:
    return [f"worker {pid} broke an invariant {count:g} times" for (pid, _), count in site.broken.items() if count]


def _batches(site: Site) -> list[str]:
    """What `millrace batches --verify` misses."""
    try:
        lines = json.loads(site.millrace("batches", "--verify", "--limit", str(LISTED), "--json", codes=(0, 1)))
    except (AssertionError, ValueError) as error:
        return [f"`millrace batches --verify` cannot be read: {error}"]
    missing = [line for line in lines if line["state"] == "missing"]
    return [
        f"batch {line['seq']} of shard {line['shard']} is missing: of {line['rows']} ClickHouse holds {line['held']}"
        for line in missing
    ]


def explained(settings: Settings, schedule: Schedule, verdict: Verdict, logs: Path) -> list[str]:
    """Seed, what does not hold, the schedule, the first wrong event and its whole history: what a failed run prints."""
    lines = [f"seed {schedule.seed} FAILED: {json.dumps(verdict.problems, indent=2)}"]
    lines += [f"  {fault}" for fault in schedule.faults]
    if verdict.wrong:
        lines += [f"  {line}" for line in tell(settings, verdict.wrong[0], logs)]
    return lines
