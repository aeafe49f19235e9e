"""The consumer group's offsets rewound or gone: no part of the correctness rests on them."""

import asyncio

from tests.faults import groups
from tests.faults.kinds.kind import End, Fault, kind, nothing
from tests.faults.site import Site


@kind("group", "group-rewound", "a stranger joins the group, commits offset 0 of everything, and leaves")
def rewound(site: Site, _: Fault) -> End:
    """Kafka takes offsets of a running group from its members alone, so the stranger has to become one."""
    asyncio.run(groups.rewind(site.settings))
    return nothing


@kind("group", "group-deleted", "all workers stop, the group is deleted, and they start from an empty one")
def deleted(site: Site, _: Fault) -> End:
    """The broker knows nothing of what was read."""
    workers = [hand.worker for hand in site.hands]
    for worker in workers:
        site.stop(worker)
    asyncio.run(groups.delete(site.settings))
    return lambda: [worker.start() for worker in workers]
