"""Producers that repeat themselves, send rubbish, come late, or abort their transactions."""

import asyncio

from tests.faults import senders
from tests.faults.kinds.kind import End, Fault, kind, nothing
from tests.faults.site import Site


@kind("producer", "duplicates", "a thousand events sent, and all of them once more")
def duplicates(site: Site, fault: Fault) -> End:
    """The second time every one is a repeat."""
    site.sent += senders.twice(site.settings, seed=fault.number, count=1000)
    return nothing


@kind("producer", "poison", "hundreds of records that are no events, to all topics and partitions")
def poison(site: Site, fault: Fault) -> End:
    """All become dead letters, with their bytes."""
    site.sent.append(asyncio.run(senders.poison(site.settings, seed=fault.number, count=300)))
    return nothing


@kind("producer", "late-burst", "events of the last three weeks, over all topics and many days")
def late(site: Site, fault: Fault) -> End:
    """One batch makes many parts, and the next one of its shard waits."""
    site.sent.append(asyncio.run(senders.late(site.settings, number=fault.number, count=200, days=21)))
    return nothing


@kind("producer", "transactions", "transactions of which every third is aborted")
def transactions(site: Site, fault: Fault) -> End:
    """Markers and aborted records leave holes in the offsets."""
    site.sent.append(asyncio.run(senders.transactions(site.settings, number=fault.number, count=9)))
    return nothing
