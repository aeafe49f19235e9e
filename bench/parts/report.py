"""What the parts have shown: medians, spread and ratios, as JSON, as tables and as a section of docs/performance.md."""

import statistics
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from importlib import metadata
from typing import Any

from rich.table import Table

from bench.parts.entrants import ENTRANTS, KAFKA_STREAMS
from bench.parts.kafka_streams import java
from bench.parts.order import Part
from bench.peers.contestants import OURS
from bench.peers.race import Figures
from bench.peers.report import CLOCK, CPU, MEMORY, PACKAGES, machine, version

RATE = "megabytes_per_second"
WARM = "warm_events_per_core_second"
BESIDE = {"raw_fetch": Part.CONSUME, "raw_parse": Part.DECODE, "raw_scan": Part.WINDOWS}
"""The part of ours that stands beside a limit."""
TITLES = {
    Part.CONSUME: "Consume only",
    Part.DECODE: "Consume and decode",
    Part.WINDOWS: "Windows only",
    Part.LIMITS: "The limits",
}
OF_LIMITS = {
    "raw_parse": "msgspec",
    "raw_scan": "msgspec",
    "raw_insert": "clickhouse-connect",
    "raw_insert_views": "clickhouse-connect",
}
"""The package that a limit is one of."""

Lap = str
"""Part and name, as in `windows/bytewax`."""
Rows = list[tuple[str, ...]]


def lap(part: Part, name: str) -> Lap:
    """The key of one contestant's part."""
    return f"{part}/{name}"


def basis(size: str, events: tuple[int, int]) -> dict[str, Any]:
    """What two runs must have in common so that the second may go on with the first."""
    return {
        "size": size,
        "events": {"slow": events[0], "others": sum(events)},
        "machine": machine(),
        "versions": {each.name: _version(each.name) for each in ENTRANTS},
    }


def result(
    rounds: Sequence[dict[Lap, Figures]], size: str, events: tuple[int, int], skipped: dict[str, str]
) -> dict[str, Any]:
    """Everything that is written; figures are medians over the rounds that have them."""
    told = basis(size, events)
    parts = {
        part: {each.name: found for each in ENTRANTS if (found := _summed(rounds, lap(part, each.name)))}
        for part in Part
    }
    for part, entrants in parts.items():
        for name, found in entrants.items():
            own = lap(BESIDE.get(name, part), OURS)
            if name != OURS and (ratio := _ratio(rounds, own, lap(part, name))) is not None:
                found["ours_to_it"] = ratio
            if (warm := _ratio(rounds, own, lap(part, name), WARM)) is not None:
                found["ours_to_it_warm"] = warm
    return told | {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "parts": parts,
        "skipped": skipped,
        "rounds": list(rounds),
    }


def show(told: dict[str, Any]) -> Iterator[Table]:
    """The tables that are printed."""
    for part in Part:
        head, *rows = rows_of(told, part)
        if rows:
            table = Table(*head, title=TITLES[part])
            for row in rows:
                table.add_row(*row)
            yield table


def markdown(told: dict[str, Any]) -> str:
    """The same for the page, with what it was measured on."""
    lines: list[str] = []
    for part in Part:
        head, *rows = rows_of(told, part)
        if rows:
            ruler = ("---", "---", *["---:"] * (len(head) - 2))
            lines += [f"**{TITLES[part]}**", "", *(f"| {' | '.join(row)} |" for row in (head, ruler, *rows)), ""]
            lines += [f"{line}\n" for line in _warm(told["parts"][part])]
    on, events = told["machine"], told["events"]
    rounds = len(told["rounds"])
    small = (
        "" if told["size"] == "full" else f" This is the size `{told['size']}`: it shows the order, not the figures."
    )
    missing = "".join(f" Not measured: `{name}`, since {why}." for name, why in told["skipped"].items())
    return "\n".join(
        [
            *lines,
            f"{rounds} round{'s' * (rounds > 1)}, {events['others']:,} events ({events['slow']:,} for the slow ones), "
            f"one of {on['cores']} cores of {on['processor']}, {on['memory_gigabytes']} GB, Python {on['python']}, "
            f"Apache Kafka {on['kafka']}; {told['measured_at'][:10]}.{small}{missing}",
        ]
    )


def rows_of(told: dict[str, Any], part: Part) -> Rows:
    """The head and the lines of one part's table, the slowest first."""
    rate = part is Part.LIMITS
    head = ("limit" if rate else "contestant", "version", "events/s of CPU", "lowest to highest", "by the clock")
    rows: Rows = [(*head, *(("MB/s",) if rate else ("MB",)), "ours to it")]
    for name, each in sorted(told["parts"].get(part, {}).items(), key=lambda item: item[1][CPU]):
        low, high = each["spread"]
        rows.append(
            (
                f"`{name}`",
                told["versions"][name],
                f"{each[CPU]:,.0f}",
                f"{low:,.0f} to {high:,.0f}",
                f"{each[CLOCK]:,.0f}",
                f"{each[RATE if rate else MEMORY]:,.0f}",
                f"{each['ours_to_it']:.2f}" if "ours_to_it" in each else "",
            )
        )
    return rows


def _warm(found: dict[str, dict[str, Any]]) -> Iterator[str]:
    """What is told of those whose code is compiled while it runs."""
    for name, each in found.items():
        if WARM in each:
            told = f"`{name}` over the second half of the records, with its hot code compiled"
            ratio = f", ours to it {each['ours_to_it_warm']:.2f}" if "ours_to_it_warm" in each else ""
            yield f"{told}: {each[WARM]:,.0f} events/s of CPU{ratio}."


def _summed(rounds: Sequence[dict[Lap, Figures]], key: Lap) -> dict[str, Any]:
    turns = [turn[key] for turn in rounds if key in turn]
    if not turns:
        return {}
    figures: dict[str, Any] = {name: statistics.median(turn[name] for turn in turns) for name in turns[0]}
    own = [turn[CPU] for turn in turns]
    return figures | {"spread": [min(own), max(own)]}


def _ratio(rounds: Sequence[dict[Lap, Figures]], own: Lap, other: Lap, figure: str = CPU) -> float | None:
    """The median of the rounds' own ratios: what slows a round down slows both. None where no round has both."""
    both = [turn[own][CPU] / turn[other][figure] for turn in rounds if own in turn and figure in turn.get(other, ())]
    return round(statistics.median(both), 3) if both else None


def _version(name: str) -> str:
    if name.startswith(KAFKA_STREAMS):
        return java.VERSION
    if name in OF_LIMITS:
        return f"{OF_LIMITS[name]} {metadata.version(OF_LIMITS[name])}"
    return version(name) if name == OURS or name in PACKAGES else ""
