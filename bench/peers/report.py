"""What a race has found: medians, spread and ratios, as JSON and as a table."""

import os
import platform
import statistics
from datetime import UTC, datetime
from typing import Any

import psutil
from rich.table import Table

from bench.peers import environment
from bench.peers.contestants import OURS, PEERS, RAW
from bench.peers.race import Figures
from deploy.local import tools
from streams.version import VERSION

CPU, CLOCK, MEMORY = "events_per_core_second", "events_per_second", "peak_megabytes"
PACKAGES = {
    "vanilla_faust": "faust-streaming",
    "quix_streams": "quixstreams",
    "aiokafka_loop": "aiokafka",
    "confluent_loop": "confluent-kafka",
    "faststream": "faststream",
    "bytewax": "bytewax",
}
"""The package that a peer is named for, by its folder."""
LOOP = "aiokafka_loop"
"""The loop that does the same at least once, with the client that we have: the difference is the price of more."""


def result(found: list[dict[str, Figures]], size: str, events: tuple[int, int]) -> dict[str, Any]:
    """Everything that is written; figures are medians over the rounds."""
    names = [name for name in PEERS if name in found[0]]
    contestants = {name: _summed(name, [turn[name] for turn in found]) for name in names}
    told: dict[str, Any] = {"measured_at": datetime.now(UTC).isoformat(timespec="seconds")}
    if OURS in contestants:
        own = contestants[OURS]
        told |= {"worker_events_per_core_second": own[CPU], "wall_events_per_second": own[CLOCK]}
        told |= {name: own[name] for name in ("freshness_p95_seconds", "freshness_median_seconds", "steady_cpu_share")}
        told["ratio_to"] = {name: _ratio(found, name, CPU) for name in names if name != OURS}
        told["wall_ratio_to"] = {name: _ratio(found, name, CLOCK) for name in names if name not in (OURS, RAW)}
        if LOOP in contestants:
            price = 1e6 / own[CPU] - 1e6 / contestants[LOOP][CPU]
            told["price_of_exactly_once_microseconds"] = round(price, 2)
    return told | {
        "contestants": contestants,
        "rounds": found,
        "size": size,
        "events": {"slow": events[0], "others": sum(events)},
        "machine": machine(),
    }


def show(told: dict[str, Any]) -> Table:
    """The table that is printed."""
    machine = told["machine"]
    title = f"The whole job on one of {machine['cores']} cores, broker and ClickHouse on the rest"
    table = Table("Contestant", "Version", "Events/s of CPU", "by the clock", "MB", "Ours to it", "Spread", title=title)
    ratios = told.get("ratio_to", {})
    for name, each in sorted(told["contestants"].items(), key=lambda item: item[1][CPU]):
        table.add_row(
            name,
            each["version"],
            f"{each[CPU]:,.0f}",
            f"{each[CLOCK]:,.0f}",
            f"{each.get(MEMORY, 0):,.0f}" if MEMORY in each else "",
            f"{ratios[name]:.2f}" if name in ratios else "",
            f"{each['spread'][0]:,.0f} to {each['spread'][1]:,.0f}",
        )
    return table


def markdown(told: dict[str, Any]) -> str:
    """The same for the page, with what it was measured on."""
    machine, events, ratios = told["machine"], told["events"], told["ratio_to"]
    lines = [
        "| contestant | version | events/s of CPU (lowest to highest) | by the clock | MB | ours to it |",
        "|---|---|---|---|---|---|",
    ]
    for name, each in sorted(told["contestants"].items(), key=lambda item: item[1][CPU]):
        low, high = each["spread"]
        memory = f"{each[MEMORY]:,.0f}" if MEMORY in each else ""
        ratio = f"{ratios[name]:.2f}" if name in ratios else ""
        lines.append(
            f"| `{name}` | {each['version']} | {each[CPU]:,.0f} ({low:,.0f} to {high:,.0f}) | {each[CLOCK]:,.0f} "
            f"| {memory} | {ratio} |"
        )
    return "\n".join(
        [
            *lines,
            "",
            f"{len(told['rounds'])} round(s), {events['others']:,} events ({events['slow']:,} for the slow ones), "
            f"{machine['cores']} cores of {machine['processor']}, {machine['memory_gigabytes']} GB, "
            f"Python {machine['python']}, Apache Kafka {machine['kafka']}; {told['measured_at'][:10]}. "
            f"Exactly once costs {told['price_of_exactly_once_microseconds']:.1f} microseconds an event more than the "
            f"loop over aiokafka. At a steady rate: record to queryable row {told['freshness_p95_seconds']:.2f} s at "
            f"p95, worker {told['steady_cpu_share']:.1%} of a core.",
        ]
    )


def sentence(told: dict[str, Any]) -> str:
    """How the product stands to everybody, for the README."""
    ratios = sorted(
        ((name, value) for name, value in told["ratio_to"].items() if name != RAW), key=lambda each: -each[1]
    )
    first, *others = (f"{value:.1f} times `{name}`" for name, value in ratios)
    return f"By CPU the product does {'; '.join([first, *others])}."


def _summed(name: str, turns: list[Figures]) -> dict[str, Any]:
    figures: dict[str, Any] = {key: statistics.median(turn[key] for turn in turns) for key in turns[0]}
    own = [turn[CPU] for turn in turns]
    return figures | {
        "spread": [min(own), max(own)],
        "version": version(name),
        "guarantee": PEERS[name].guarantee,
    }


def _ratio(found: list[dict[str, Figures]], name: str, key: str) -> float:
    """The median of the rounds' own ratios: what slows a round down slows both."""
    return round(statistics.median(turn[OURS][key] / turn[name][key] for turn in found), 3)


def version(name: str) -> str:
    """A contestant's version; empty where there is none."""
    folder = PEERS[name].folder
    if folder not in PACKAGES:
        return VERSION if name == OURS else ""
    return environment.versions(folder)[PACKAGES[folder]]


def machine() -> dict[str, Any]:
    """What it is measured on."""
    return {
        "cores": os.cpu_count(),
        "memory_gigabytes": round(psutil.virtual_memory().total / 2**30, 1),
        "processor": _processor(),
        "python": platform.python_version(),
        "kafka": tools.KAFKA_VERSION,
    }


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            return next(line.partition(":")[2].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.machine()
