"""`python -m bench readme`: writes the figures of bench/results into the README and the pages of docs."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import outage_page, performance_page, sizing, sizing_page, spent, store_page, trend
from bench.curves import pictures
from bench.parts import report as parts
from bench.peers import picture
from bench.peers import report as race

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "bench/results"
PLACE = re.compile(r"<!-- (figures(?: of \w+)?) -->.*?<!-- end of figures -->", re.DOTALL)
"""Where a table stands; the name tells which."""

FIGURES = (
    ("events a second of worker CPU", "worker_events_per_core_second", ",.0f"),
    ("events a second by the clock, two cores for worker, broker and ClickHouse", "wall_events_per_second", ",.0f"),
    ("ratio to a loop that only fetches and decodes, by CPU", "ratio_to_fetch_and_decode", ".2f"),
    ("record to queryable row, p95, at {rate:,} events/s, seconds", "freshness_p95_seconds", ".2f"),
    ("worker CPU at {rate:,} events/s, cores", "steady_cpu_share", ".3f"),
    ("worker memory while it drains, MB", "peak_megabytes_draining", ",.0f"),
    ("ClickHouse CPU, microseconds an event", "clickhouse_cpu_microseconds_per_event", ".0f"),
)


def figures(delivery: dict[str, Any], whole: dict[str, Any]) -> str:
    """The README's table: medians, and the rounds they are of."""

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
    return f"{table}\n\nTime of a batch by stage, with windows, waiting included: {shares}."


def _result(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text())
    return found


def filled(text: str, tables: dict[str, Callable[[], str]]) -> str:
    """A page with its tables written anew, each between the marks that it is found again by."""
    return PLACE.sub(lambda at: f"<!-- {at[1]} -->\n{tables[at[1]]()}\n<!-- end of figures -->", text)


def _readme(text: str) -> str:
    tables = {
        "figures": lambda: figures(_result("delivery"), _result("ingest")),
        "figures of race": lambda: race.sentence(_result("latest")),
    }
    return filled(text, tables)


def _store(text: str) -> str:
    tables = {
        "figures of tables": lambda: store_page.tables(_result("volume")),
        "figures of columns": lambda: store_page.columns(_result("volume")),
        "figures of queries": lambda: store_page.queries(_result("query")),
        "figures of keys": lambda: store_page.keys(_result("keys")),
        "figures of indexes": lambda: store_page.indexes(_result("indexes")),
        "figures of projection": lambda: store_page.projection(_result("indexes")),
        "figures of metrics": lambda: store_page.metrics(_result("metrics")),
        "figures of views": lambda: store_page.views(_result("inserts")),
    }
    return filled(text, tables)


def _http(text: str) -> str:
    return filled(text, {"figures of http": lambda: store_page.http(_result("http"))})


def _analytics(text: str) -> str:
    return filled(text, {"figures of analytics": lambda: store_page.analytics(_result("analytics"))})


def _asking(text: str) -> str:
    tables = {
        "figures of endpoints": lambda: store_page.endpoints(_result("endpoints")),
        "figures of traffic": lambda: store_page.traffic(_result("traffic")),
    }
    return filled(text, tables)


def _rollups(text: str) -> str:
    tables = {
        "figures of views": lambda: store_page.views(_result("inserts")),
        "figures of states": lambda: store_page.states(_result("states")),
    }
    return filled(text, tables)


def _performance(text: str) -> str:
    def costs() -> sizing.Costs:
        return sizing.costs(_result("ingest"), _result("inserts"), _result("volume"))

    tables = {
        "figures of race": lambda: race.markdown(_result("latest")),
        "figures of curves": lambda: performance_page.curves(pictures.read()),
        "figures of sizing": lambda: sizing_page.sizing(costs()),
        "figures of plan": lambda: sizing_page.worked(costs()),
        "figures of limits": lambda: sizing_page.limits(_result("ingest"), costs()),
        "figures of cpu": lambda: spent.spent(pictures.read()),
        "figures of parts": _parts,
        "figures of runs": lambda: performance_page.guard(trend.read(RESULTS / "history.jsonl")),
    }
    return filled(text, tables)


def _operations(text: str) -> str:
    return filled(text, {"figures of outage": _outage})


def _outage() -> str:
    if not (RESULTS / "outage.json").exists():
        return "No result is checked in yet: `make bench ARGS=outage` writes it, then `make bench ARGS=readme`."
    return outage_page.outage(_result("outage"))


def _parts() -> str:
    if not (RESULTS / "parts.json").exists():
        return "No result is checked in yet: `make bench ARGS=parts` writes it, then `make bench ARGS=readme`."
    return parts.markdown(_result("parts"))


PAGES = {
    ROOT / "README.md": _readme,
    ROOT / "docs/store.md": _store,
    ROOT / "docs/performance.md": _performance,
    ROOT / "docs/operations.md": _operations,
    ROOT / "docs/http-ingestion.md": _http,
    ROOT / "docs/analytics.md": _analytics,
    ROOT / "docs/asking-for-metrics.md": _asking,
    ROOT / "docs/decisions/0022-rollups.md": _rollups,
}


def race_picture() -> str:
    """The picture of the race."""
    return picture.draw(_result("latest"))


def main() -> None:
    """Replace the tables of each page, and draw the race."""
    for page, render in PAGES.items():
        page.write_text(render(page.read_text()))
    picture.IMAGE.write_text(race_picture())


if __name__ == "__main__":
    main()
