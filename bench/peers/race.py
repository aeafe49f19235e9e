"""One contestant's turn: started, watched until all rows are there, held to the truth, stopped."""

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.freshness import Buckets, between, buckets
from bench.ingest import Usage
from bench.peers import check
from bench.peers.backlog import Truth
from bench.peers.contestants import RAW
from bench.peers.site import Site
from bench.world import Message, records, send_steadily
from deploy.local.process import Process
from deploy.local.worker import families

LOOK_SECONDS = 0.1
PATIENCE = 900.0
STEADY_LOOK_SECONDS = 2.0
"""Each look at a worker's pages costs it some milliseconds, which are none of the job's."""
QUIET_SECONDS = 5.0
"""When nothing was delivered for so long all is."""
SETTLE = 0.2
"""The first part of the steady phase that does not count."""

Figures = dict[str, float]


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen at one moment."""

    at: float
    rows: int
    cpu: float


def lap(
    site: Site,
    truth: Truth,
    core: int,
    first: dict[int, tuple[str, int]],
    python: str = "",
    then: Callable[[Usage], Figures] = lambda usage: {},
) -> Figures:
    """Let a contestant work off what was sent. Raises WrongWork, and RuntimeError with the end of its log.

    `first`: see `check.hold`. `python`: another interpreter than its own. `then`: what else is measured while it runs.
    """
    process = site.process(python or site.contestant.python, core)
    process.start()
    try:
        usage = Usage(process.pid)
        looks = drain(process, usage, site, sum(truth.rows.values()))
        figures = sum_up(looks, truth.sent, spent_before(site)) | {"peak_megabytes": round(usage.peak / 2**20)}
        check.hold(site, truth, first)
        return figures | then(usage)
    finally:
        process.stop()


def drain(process: Process, usage: Usage, site: Site, wanted: int) -> list[Look]:
    """Look until all rows are there. Raises RuntimeError if it ends, or takes too long."""
    looks: list[Look] = []
    pause, deadline = threading.Event(), time.monotonic() + PATIENCE
    while not looks or looks[-1].rows < wanted:
        if not process.running or time.monotonic() > deadline:
            had = looks[-1].rows if looks else 0
            raise RuntimeError(
                f"{site.contestant.name} {'takes too long' if process.running else 'has ended'} with {had:,} of "
                f"{wanted:,} rows; its log ends:\n{process.tail(30)}"
            )
        pause.wait(LOOK_SECONDS)
        with suppress(psutil.NoSuchProcess):  # it has just ended: told above, at the next look
            usage.look()
            looks.append(Look(time.monotonic(), check.taken(site), usage.cpu()))
    return looks


def sum_up(looks: list[Look], sent: int, before: float) -> Figures:
    """Events per second of CPU, from the first fetch to the last row, and by the clock, from the first row to it."""
    last = looks[-1]
    begun = next(look for look in looks if look.rows)
    if begun is last:  # so few that one batch had them all
        begun = looks[0]
    share = (last.rows - begun.rows) / last.rows
    return {
        "events_per_core_second": round(sent / (last.cpu - before)),
        "events_per_second": round(sent * share / max(last.at - begun.at, LOOK_SECONDS)),
    }


def spent_before(site: Site) -> float:
    """CPU seconds until it was ready to fetch."""
    return float(json.loads(site.place.mark.read_text())["cpu"])


def raw(site: Site, truth: Truth, core: int) -> Figures:
    """The physical limit: it makes no rows, so it says itself what it spent."""
    assert site.contestant.name == RAW
    process = site.process(site.contestant.python, core, str(truth.sent))
    process.start()
    try:
        if process.wait(PATIENCE):
            raise RuntimeError(f"{RAW} has failed; its log ends:\n{process.tail(30)}")
    finally:
        process.stop()
    spent = json.loads((Path(site.place.home) / "output").read_text())
    return {
        "events_per_core_second": round(spent["events"] / spent["cpu"]),
        "events_per_second": round(spent["events"] / spent["seconds"]),
    }


def freshness(site: Site, usage: Usage, messages: Iterator[Message], rate: int, seconds: int) -> Figures:
    """Our own worker under a steady load: seconds from record to queryable row, and what it uses.

    `messages`: rate times seconds of them.
    """
    sending = send_steadily(site.place.servers, records(messages), rate)
    settled: Buckets | None = None
    began, cpu, pause = time.monotonic(), usage.cpu(), threading.Event()
    with ThreadPoolExecutor(1) as pool:
        sender = pool.submit(asyncio.run, sending)
        while not sender.done():
            pause.wait(STEADY_LOOK_SECONDS)
            if settled is None and time.monotonic() - began > SETTLE * seconds:
                settled = _freshness(site)
        sender.result()
    share = (usage.cpu() - cpu) / (time.monotonic() - began)
    return {**between(settled or Buckets(), _in_the_end(site)), "steady_cpu_share": round(share, 3)}


def _in_the_end(site: Site) -> Buckets:
    """The same when nothing more comes: what waits the longest is delivered last."""
    last, pause = Buckets(), threading.Event()
    while (found := _freshness(site)) != last:
        last = found
        pause.wait(QUIET_SECONDS)
    return last


def _freshness(site: Site) -> Buckets:
    """What our worker says of all that it has delivered."""
    return buckets(sample for family in families(site.url) for sample in family.samples)
