"""Versions of the product that follow one another, or run side by side."""

import asyncio
from collections.abc import Callable

from tests.faults import senders
from tests.faults.kinds.kind import End, Fault, kind
from tests.faults.kinds.topics import forgotten
from tests.faults.site import Hand, Site
from tests.faults.versions import NARROWER, OLDER
from tests.support.waiting import PAUSE

CONTESTED = 100
"""Events before each worker is replaced that the two versions judge differently."""
GATHERED = 3.0
"""Longest time from their arrival until a batch of them is under way."""


@kind(
    "versions",
    "deploy",
    "workers are killed one by one and come back as a version that judges and enriches otherwise; and back",
    long=True,
)
def deploy(site: Site, fault: Fault) -> End:
    """What one version has accepted the other one refuses, in batches that were under way; and back again."""
    narrower = site.version(NARROWER)
    _replace(site, fault, 0, lambda hand: hand.worker.start(narrower))
    return lambda: _replace(site, fault, len(site.hands), lambda hand: hand.worker.start())


def _replace(site: Site, fault: Fault, done: int, start: Callable[[Hand], object]) -> None:
    """Kill every worker while events are under way that versions judge differently; `done`: as many came before."""
    for number, hand in enumerate(list(site.hands), done):
        first = number * CONTESTED
        site.contested += asyncio.run(senders.contested(site.settings, fault.number, first, CONTESTED))
        PAUSE.wait(GATHERED * fault.pick)
        hand.worker.kill()
        start(hand)
        site.wait_moving()


@kind(
    "versions",
    "two-versions",
    "an older version, with other records and a topic less, is replaced worker by worker",
    (5, 10),
    long=True,
)
def two_versions(site: Site, fault: Fault) -> End:
    """It begins on empty topics; beside a newer one it stops at what it does not know, and says so."""
    forgotten(site)
    older = site.version(OLDER)
    for hand in site.hands:
        hand.worker.start(older, KAFKA_FORGETS="true")
    site.send()
    site.wait_moving()

    def end() -> None:
        for hand in list(site.hands):
            site.stop(hand.worker)
            hand.worker.start()
            PAUSE.wait(fault.seconds)

    return end
