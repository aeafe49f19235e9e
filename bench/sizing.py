"""From events a second to partitions, workers and ClickHouse nodes, by the figures that are checked in; pure."""

import math
from dataclasses import dataclass
from typing import Any

from agents.build import token_seconds
from clickhouse.columns import DEDUPLICATION_WINDOW
from streams.settings import Settings

Result = dict[str, Any]

WORKER_USE = 0.6
"""Share of a worker's core that the usual rate may take: the rest catches up after an outage."""
STORE_USE = 0.5
"""Share of ClickHouse's cores that inserts may take: the rest answers questions, and merges large parts."""
SHARDS_A_WORKER = 2
"""One would do; two leave room for twice as many workers."""
NODE_CORES = 32
REPLICAS = 2
BROKER_BYTES = 100e6
"""Bytes a second that a broker is given to write, copies of other brokers' included: assumed, not measured."""
COPIES = 3
GROUP_USE = 0.5
"""Share of what a consumer group can deliver at most that one cell may have."""


@dataclass(frozen=True, slots=True)
class Costs:
    """What an event costs each part."""

    worker_us: float
    """Microseconds of a worker's CPU, all guarantees and windows."""
    worker_megabytes: float
    insert_seconds: float
    """ClickHouse's CPU for a batch, however small: views and parts."""
    row_us: float
    """Its CPU for each row beyond that."""
    rows: float
    """Rows that an event makes: pings are sampled."""
    event_bytes: float
    disk_bytes: float
    """On one replica's disk, all tables together, a row of the raw tables."""
    batch_rows: int
    batch_seconds: float
    token_seconds: float
    """Seconds between two batches of a shard at least, a partition: ClickHouse remembers so many tokens."""

    @property
    def group(self) -> float:
        """Events a second that one consumer group can deliver at most: full batches, as rarely as tokens allow."""
        return self.batch_rows / self.token_seconds / self.rows


@dataclass(frozen=True, slots=True)
class Plan:
    """What is needed for a rate, in one cell or several alike."""

    rate: float
    cells: int
    workers: int
    partitions: int
    """Of each topic, in each cell."""
    batch_seconds: float
    """Between two batches of a shard."""
    batch_rows: float
    store_cores: float
    """All cells, busy with inserts, on the replicas that take them."""
    store_shards: int
    inserts: float
    """Batches a second at one ClickHouse shard."""
    brokers: int
    disk_terabytes_a_day: float
    """Of one replica."""


def costs(ingest: Result, inserts: Result, volume: Result) -> Costs:
    """From the checked-in results.

    The cost of an insert is told apart from that of a row by batches of two sizes (`python -m bench inserts`).
    """
    large, small = 20_000, 2_000
    of_large = inserts["with_rollups_us"] * large
    of_small = inserts["with_rollups_small_us"] * small
    row_us = (of_large - of_small) / (large - small)
    usual = {name: Settings.model_fields[name].default for name in Settings.model_fields}
    raw = sum(volume["tables"][name]["rows"] for name in ("events_raw", "events"))
    pings = volume["tables"]["location_events"]["rows"]
    return Costs(
        worker_us=1e6 / ingest["worker_events_per_core_second"],
        worker_megabytes=ingest["peak_megabytes_draining"],
        insert_seconds=(of_small - row_us * small) / 1e6,
        row_us=row_us,
        rows=1 - (1 - usual["location_sample_rate"]) * pings / raw,
        event_bytes=ingest["bytes_per_event"],
        disk_bytes=sum(each["bytes"] for each in volume["tables"].values()) / raw,
        batch_rows=usual["batch_rows"],
        batch_seconds=usual["batch_seconds"],
        token_seconds=token_seconds(Settings.model_construct()) / DEDUPLICATION_WINDOW,
    )


def plan(rate: float, cost: Costs) -> Plan:
    """What so many events a second need, in alike cells where one group is not enough."""
    cells = math.ceil(rate / (cost.group * GROUP_USE))
    each = rate / cells
    workers = math.ceil(each * cost.worker_us / 1e6 / WORKER_USE)
    partitions = SHARDS_A_WORKER * workers
    seconds = max(cost.batch_seconds, partitions * cost.token_seconds)
    batch = min(cost.batch_rows, each / partitions * cost.rows * seconds)
    batches = each * cost.rows / batch
    busy = batches * cost.insert_seconds + each * cost.rows * cost.row_us / 1e6
    shards = math.ceil(busy / STORE_USE / NODE_CORES)
    return Plan(
        rate=rate,
        cells=cells,
        workers=workers * cells,
        partitions=partitions,
        batch_seconds=seconds,
        batch_rows=batch,
        store_cores=busy * cells,
        store_shards=shards * cells,
        inserts=batches / shards,
        brokers=max(COPIES, math.ceil(each * cost.event_bytes * COPIES / BROKER_BYTES)) * cells,
        disk_terabytes_a_day=rate * cost.rows * 86_400 * cost.disk_bytes / 1e12,
    )
