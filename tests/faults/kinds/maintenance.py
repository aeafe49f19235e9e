"""Maintenance in the middle of the stream: a hold, a view created, and one rebuilt and swapped."""

from clickhouse.columns import DEDUPLICATION_WINDOW, FAMILIES
from clickhouse.rollups import TARGETS
from tests.faults.kinds.kind import End, Fault, kind, nothing
from tests.faults.site import Site

COLUMNS = "chain, shard, topic, offset, occurred_at"
"""By these a worker tells what a view of a batch that aged lacks."""


@kind("maintenance", "hold", "every shard is held, and released", (0, 4))
def hold(site: Site, fault: Fault) -> End:
    """What is sent meanwhile waits in Kafka."""
    name = f"fault-{fault.number}"
    site.millrace("hold", "place", name)
    return lambda: site.millrace("hold", "release", name)


@kind("maintenance", "rebuild", "a rollup or family table is made again from the raw rows, and swapped")
def rebuild(site: Site, fault: Fault) -> End:
    """Beside the running stream, with a hold for the moment of the swap."""
    names = [*TARGETS, *(family.name for family in FAMILIES)]
    site.millrace("rebuild", names[int(fault.pick * len(names))])
    return nothing


@kind(
    "maintenance",
    "view-created",
    "a view over the raw rows is created and filled, and dropped again",
    (4, 10),
    long=True,
)
def create_view(site: Site, fault: Fault) -> End:
    """Under a hold each time, as the documents say; between them it must come to hold every raw row once."""
    name = f"fault_{fault.number}"
    site.millrace("hold", "place", name)
    site.command(
        f"CREATE TABLE {name} ENGINE = MergeTree ORDER BY (shard, topic, offset) "
        f"SETTINGS non_replicated_deduplication_window = {DEDUPLICATION_WINDOW} AS SELECT {COLUMNS} FROM events_raw"
    )
    site.command(f"CREATE MATERIALIZED VIEW {name}_mv TO {name} AS SELECT {COLUMNS} FROM events_raw")
    site.millrace("hold", "release", name)

    def end() -> None:
        site.wait_moving()
        site.millrace("hold", "place", name)
        [[differing]] = site.ask(
            f"SELECT count() FROM (SELECT {COLUMNS}, sum(n) AS times FROM (SELECT {COLUMNS}, 1 AS n FROM events_raw "
            f"UNION ALL SELECT {COLUMNS}, -1 FROM {name}) GROUP BY {COLUMNS} HAVING times != 0)"
        )
        if differing:
            site.problems.append(f"fault {fault.number}: {differing} rows of the new view are not those of events_raw")
        site.command(f"DROP VIEW {name}_mv")
        site.command(f"DROP TABLE {name}")
        site.millrace("hold", "release", name)

    return end
