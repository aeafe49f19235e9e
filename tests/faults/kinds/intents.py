"""Records in the log of intents that must count for nothing."""

import asyncio

from tests.faults import groups
from tests.faults.kinds.kind import End, Fault, kind, nothing
from tests.faults.site import Site


@kind("intents", "intent-doubled", "the newest record of every shard's log is appended once more")
def doubled(site: Site, _: Fault) -> End:
    """As a broker or a producer without idempotence may do it."""
    asyncio.run(groups.repeat_intents(site.settings))
    return nothing


@kind("intents", "intent-void", "rubbish, and a record that follows nobody, in every shard's log")
def void(site: Site, _: Fault) -> End:
    """Every reader passes over them."""
    asyncio.run(groups.void_intents(site.settings))
    return nothing
