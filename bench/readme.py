"""`python -m bench readme`: writes the table of bench/results/ingest.json into the README."""

import json
import re
from pathlib import Path
from typing import Any

from bench.ingest import RESULTS

README = Path(__file__).parent.parent / "README.md"
PLACE = re.compile(r"<!-- figures -->.*?<!-- end of figures -->", re.DOTALL)


def figures(result: dict[str, Any]) -> str:
    """The table, between the marks that it is found again by."""
    rounds = result["rounds"]

    def spread(name: str, form: str) -> str:
        values = sorted(each[name] for each in rounds)
        return f"{values[0]:{form}} to {values[-1]:{form}}"

    rows = [
        ("events a second of worker CPU", "worker_events_per_core_second", ",.0f"),
        ("events a second by the clock, two cores for worker, broker and ClickHouse", "wall_events_per_second", ",.0f"),
        ("ratio to a loop that only fetches and decodes, by CPU", "ratio_to_fetch_and_decode", ".2f"),
        (
            f"record to queryable row, p95, at {result['steady_rate']:,} events/s, seconds",
            "freshness_p95_seconds",
            ".2f",
        ),
        (f"worker CPU at {result['steady_rate']:,} events/s, cores", "steady_cpu_share", ".2f"),
        ("worker memory while it drains, MB", "peak_megabytes_draining", ",.0f"),
    ]
    table = "\n".join(f"| {text} | {result[name]:{form}} | {spread(name, form)} |" for text, name, form in rows)
    shares = ", ".join(f"{name} {share:.0%}" for name, share in result["stage_shares"].items())
    return (
        "<!-- figures -->\n| one worker, every guarantee on | median | rounds |\n|---|---|---|\n"
        f"{table}\n\nTime of a batch by stage, waiting included: {shares}. ClickHouse spends "
        f"{result['clickhouse_cpu_microseconds_per_event']:.0f} us of CPU on an event, the broker "
        f"{result['broker_cpu_microseconds_per_event']:.0f}.\n<!-- end of figures -->"
    )


def main() -> None:
    """Replace the table."""
    result = json.loads((RESULTS / "ingest.json").read_text())
    README.write_text(PLACE.sub(lambda _: figures(result), README.read_text()))


if __name__ == "__main__":
    main()
