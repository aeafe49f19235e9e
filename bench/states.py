"""What the states of rollups cost to write, to keep and to read: `python -m bench states` prints a table.

Made-up rides of thirty days are grouped as the views group them, once for each way to keep the percentiles of their
seconds, or to count the riders, each into a table of its own that is merged to one part. CPU is that of ClickHouse's
log of queries.
"""

import argparse
import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from clickhouse_connect.driver.client import Client
from rich.console import Console
from rich.table import Table

from bench import kept
from bench.uncached import UNCACHED, comment, new_run
from clickhouse import histogram
from clickhouse.client import connect_sync
from deploy.local.stack import Stack
from streams.settings import Settings

DAYS: Final = 30
ROUNDS: Final = 5
BEGAN: Final = "toDateTime('2030-01-01', 'UTC') + 86400 * {day} + cityHash64(number, 1) % 86400"
BELL: Final = (
    "sqrt(-2 * log((1 + cityHash64(number, 3) % 1000000) / 1e6)) * cos(pi() * (cityHash64(number, 4) % 2000) / 1e3)"
)
TRIPS: Final = f"""
SELECT toStartOfFifteenMinutes({BEGAN}) AS bucket,
    toString(floor(260 * pow(cityHash64(number, 2) % 1000 / 1e3, 2))) AS key,
    toUInt64(exp(6.6 + 0.6 * {BELL})) AS seconds,
    {histogram.cut_sql("seconds")} AS cut, {histogram.width_sql("cut")} AS width
FROM numbers({{first}}, {{count}})
"""
"""Of each ride its trip: in 260 zones, some busier than others, most of five to thirty minutes."""
PEOPLE: Final = f"""
SELECT toStartOfFifteenMinutes({BEGAN} + after) AS bucket, concat('type ', toString(after)) AS key,
    sipHash64(concat('rider-', toString(floor(20000 * pow(cityHash64(number, 2) % 1000000 / 1e6, 3))))) AS person
FROM (SELECT number, arrayJoin([0, 5, 8, 30, 300, 1300, 1301, 1302]) AS after FROM numbers({{first}}, {{count}}))
"""
"""The eight events of each ride, of eight types, within 22 minutes; of 20,000 riders some ride far more often."""


@dataclass(frozen=True, slots=True)
class Way:
    """One way to keep something."""

    name: str
    events: str
    """What is grouped."""
    kind: str
    """The type of the column."""
    made: str
    """The aggregate that a view writes."""
    read: str
    """What a question makes of the column `state`."""
    key: str = "key"
    """What is grouped by beside the bucket."""


COUNTED: Final = "AggregateFunction(uniqCombined64(14), UInt64)"
CLASS: Final = "toUInt16(ceil(log(seconds + 1) / log(101 / 99)))"
WAYS: Final = (
    Way("a sum alone", TRIPS, "SimpleAggregateFunction(sum, UInt64)", "sum(seconds)", "sum(state)"),
    Way(
        "percentiles: DDSketch, 1 %",
        TRIPS,
        "AggregateFunction(quantilesDD(0.01, 0.5, 0.95), UInt64)",
        "quantilesDDState(0.01, 0.5, 0.95)(seconds)",
        "quantilesDDMerge(0.01, 0.5, 0.95)(state)",
    ),
    Way(
        "percentiles: quantilesBFloat16, 0.8 %",
        TRIPS,
        "AggregateFunction(quantilesBFloat16(0.5, 0.95), UInt64)",
        "quantilesBFloat16State(0.5, 0.95)(seconds)",
        "quantilesBFloat16Merge(0.5, 0.95)(state)",
    ),
    Way(
        "percentiles: map of the numbers of logarithmic classes, 1 %",
        TRIPS,
        "SimpleAggregateFunction(sumMap, Map(UInt16, UInt64))",
        f"sumMap(map({CLASS}, toUInt64(1)))",
        f"{histogram.quantile_sql(0.5, 'state')}, {histogram.quantile_sql(0.95, 'state')}",
    ),
    Way(
        "**percentiles: map of rounded values, 0.8 %**",
        TRIPS,
        histogram.KIND,
        f"sumMap({histogram.counted_sql('cut', 'width')})",
        f"{histogram.quantile_sql(0.5, 'state')}, {histogram.quantile_sql(0.95, 'state')}",
    ),
    Way(
        "people: a state for each type of event",
        PEOPLE,
        COUNTED,
        "uniqCombined64State(14)(person)",
        "uniqCombined64Merge(14)(state)",
    ),
    Way(
        "**people: one state a bucket**",
        PEOPLE,
        COUNTED,
        "uniqCombined64State(14)(person)",
        "uniqCombined64Merge(14)(state)",
        key="''",
    ),
)
SPENT: Final = """
SELECT splitByChar('/', log_comment)[2] AS name,
    sumIf(microseconds, query_kind = 'Insert'), quantileExactIf(0.5)(microseconds, query_kind = 'Select')
FROM
(
    SELECT log_comment, query_kind,
        ProfileEvents['UserTimeMicroseconds'] + ProfileEvents['SystemTimeMicroseconds'] AS microseconds
    FROM system.query_log WHERE type = 'QueryFinish' AND startsWith(log_comment, {run:String})
)
GROUP BY name
"""
SIZE: Final = (
    "SELECT sum(rows), sum(bytes_on_disk) FROM system.parts "
    "WHERE active AND database = currentDatabase() AND table = {table:String}"
)


def filled(client: Client, way: Way, table: str, rides: int, said: dict[str, Any]) -> None:
    """Make the table and fill it, a day an insert; one thread, whose CPU is all that is spent."""
    client.command(
        f"CREATE TABLE {table} (bucket DateTime('UTC') CODEC(Delta(4), ZSTD(1)), key LowCardinality(String), "
        f"state {way.kind}) ENGINE = AggregatingMergeTree PARTITION BY toYYYYMM(bucket) ORDER BY (bucket, key) "
        "SETTINGS default_compression_codec = 'ZSTD(1)'"
    )
    count = rides // DAYS
    for day in range(DAYS):
        rows = way.events.format(day=day, first=day * count, count=count)
        client.command(
            f"INSERT INTO {table} SELECT bucket, {way.key} AS by, {way.made} FROM ({rows}) GROUP BY bucket, by",
            settings={**said, "max_threads": 1, "async_insert": 0},
        )
    client.command(f"OPTIMIZE TABLE {table} FINAL")


def measure(client: Client, rides: int) -> dict[str, dict[str, float]]:
    """By the name of a way: its states, their bytes, microseconds of CPU a ride written, milliseconds to read all."""
    run, sizes = new_run("states"), {}
    for number, way in enumerate(WAYS):
        table, said = f"states_{number}", {**UNCACHED, "log_comment": comment(run, way.name, 0)}
        filled(client, way, table, rides, said)
        for _ in range(ROUNDS):
            client.query(f"SELECT {way.read} FROM {table}", settings={**said, "max_threads": 1})
        [sizes[way.name]] = client.query(SIZE, parameters={"table": table}).result_rows
    client.command("SYSTEM FLUSH LOGS")
    spent = {name: each for name, *each in client.query(SPENT, parameters={"run": f"{run}/"}).result_rows}
    return {
        name: {
            "states": rows,
            "bytes": size,
            "write_us": round(spent[name][0] / rides, 2),
            "read_ms": round(spent[name][1] / 1000, 1),
        }
        for name, (rows, size) in sizes.items()
    }


def show(result: dict[str, Any]) -> Table:
    """The table that is printed."""
    made = Table("Kept", "States", "MB", "us a ride written", "ms to read", title=f"{result['rides']:,} rides")
    for name, each in result["ways"].items():
        made.add_row(
            name, f"{each['states']:,}", f"{each['bytes'] / 1e6:.1f}", f"{each['write_us']}", f"{each['read_ms']}"
        )
    return made


def main() -> None:
    """Start ClickHouse, measure, print, and write the result."""
    parser = argparse.ArgumentParser(prog="python -m bench states", description=__doc__)
    parser.add_argument("--rides", type=int, default=1_000_000, help="how many (default: %(default)s)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(millrace_home=Path(folder), log_level="warning")
        with Stack(settings, Path(folder)) as running:
            client = connect_sync(running, database=False)
            client.command("CREATE DATABASE states")
            client.database = "states"
            result = {"rides": arguments.rides, "ways": measure(client, arguments.rides)}
    (kept.RESULTS / "states.json").write_text(json.dumps(result, indent=2) + "\n")
    Console(file=sys.stdout, width=110).print(show(result))


if __name__ == "__main__":
    main()
