"""`python -m bench readme`: writes the table of bench/results/{delivery,ingest}.json into the README."""

import json
import re
from pathlib import Path
from typing import Any

from bench.ingest import RESULTS

README = Path(__file__).parent.parent / "README.md"
PLACE = re.compile(r"<!-- figures -->.*?<!-- end of figures -->", re.DOTALL)


FIGURES = (
    ("events a second of worker CPU", "worker_events_per_core_second", ",.0f"),
    ("events a second by the clock, two cores for worker, broker and ClickHouse", "wall_events_per_second", ",.0f"),
    ("ratio to a loop that only fetches and decodes, by CPU", "ratio_to_fetch_and_decode", ".2f"),
    ("record to queryable row, p95, at {rate:,} events/s, seconds", "freshness_p95_seconds", ".2f"),
    ("worker CPU at {rate:,} events/s, cores", "steady_cpu_share", ".2f"),
    ("worker memory while it drains, MB", "peak_megabytes_draining", ",.0f"),
    ("ClickHouse CPU, microseconds an event", "clickhouse_cpu_microseconds_per_event", ".0f"),
)


def figures(delivery: dict[str, Any], whole: dict[str, Any]) -> str:
    """The table, between the marks that it is found again by: medians, and the rounds they are of."""

    def told(result: dict[str, Any], name: str, form: str) -> str:
        values = sorted(each[name] for each in result["rounds"])
        if len(values) == 1:
            return f"{result[name]:{form}}"
        return f"{result[name]:{form}} ({values[0]:{form}} to {values[-1]:{form}})"

    rate = whole["steady_rate"]
    rows = [
        f"| {text.format(rate=rate)} | {told(delivery, name, form)} | {told(whole, name, form)} |"
        for text, name, form in FIGURES
    ]
    shares = ", ".join(f"{name} {share:.0%}" for name, share in whole["stage_shares"].items())
    lines = ["| one worker, every guarantee on | without windows | with all windows |", "|---|---|---|", *rows]
    table = "\n".join(lines)
    return (
        f"<!-- figures -->\n{table}\n\nTime of a batch by stage, with windows, waiting included: {shares}.\n"
        "<!-- end of figures -->"
    )


def main() -> None:
    """Replace the table."""
    delivery, whole = (json.loads((RESULTS / f"{name}.json").read_text()) for name in ("delivery", "ingest"))
    README.write_text(PLACE.sub(lambda _: figures(delivery, whole), README.read_text()))


if __name__ == "__main__":
    main()
