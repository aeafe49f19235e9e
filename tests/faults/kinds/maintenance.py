"""Maintenance in the middle of the stream: a hold, and a view rebuilt from the raw rows."""

from clickhouse.columns import FAMILIES
from clickhouse.rollups import TARGETS
from tests.faults.kinds.kind import End, Fault, kind, nothing
from tests.faults.site import Site


@kind("maintenance", "hold", "every shard is held, and released", (0, 4))
def hold(site: Site, fault: Fault) -> End:
    """What is sent meanwhile waits in Kafka."""
    name = f"fault-{fault.number}"
    site.millrace("hold", "place", name)
    return lambda: site.millrace("hold", "release", name)


@kind("maintenance", "rebuild", "a rollup or family table is made again from the raw rows")
def rebuild(site: Site, fault: Fault) -> End:
    """Beside the running stream, with a hold for the moment of the swap."""
    names = [*TARGETS, *(family.name for family in FAMILIES)]
    site.millrace("rebuild", names[int(fault.pick * len(names))])
    return nothing
