"""The consumer group's offsets rewound, reset or gone: no part of the correctness rests on them."""

import asyncio

from tests.faults import groups
from tests.faults.kinds.kind import End, Fault, kind, nothing
from tests.faults.site import Site
from tests.support.waiting import until

THREE = 3


@kind("group", "group-rewound", "a stranger joins the group, commits offset 0 of everything, and leaves")
def rewound(site: Site, _: Fault) -> End:
    """Kafka takes offsets of a running group from its members alone, so the stranger has to become one."""
    asyncio.run(groups.rewind(site.settings))
    return nothing


@kind("group", "group-reset", "all workers stop, the group's offsets are set to the end of all topics, and they start")
def reset(site: Site, _: Fault) -> End:
    """Whoever read on from there would leave out what was sent meanwhile."""
    site.stop_all()
    asyncio.run(groups.to_end(site.settings))
    return site.start_all


@kind("group", "three-from-empty", "three workers start at once from an empty group, on four partitions", long=True)
def three(site: Site, _: Fault) -> End:
    """They get two, one and one; then as many go on as there were."""
    before = len(site.hands)
    site.stop_all()
    asyncio.run(groups.delete(site.settings))
    away = site.hands[THREE:]
    site.hands = site.hands[:THREE]
    site.start_all()
    while len(site.hands) < THREE:
        site.hire()
    until("three workers to have two shards, one and one", lambda: _shares(site) == [1, 1, 2], 120)

    def end() -> None:
        while len(site.hands) > before:
            site.dismiss(site.hands[-1])
        for hand in away:
            site.hands.append(hand)
            hand.worker.start()

    return end


@kind("group", "group-deleted", "all workers stop, the group is deleted, and they start from an empty one")
def deleted(site: Site, _: Fault) -> End:
    """The broker knows nothing of what was read."""
    site.stop_all()
    asyncio.run(groups.delete(site.settings))
    return site.start_all


def _shares(site: Site) -> list[int]:
    """How many shards the workers have, fewest first."""
    return sorted(len(hand.worker.shards) for hand in site.hands)
