"""How long the questions of people take: `python -m bench query --home FOLDER` prints a table.

Each `.sql` file of bench/queries is asked time and again over another range and about another person, organizer, driver
or event, without ClickHouse's caches (bench/uncached.py); the store is one that
`python -m bench volume --keep FOLDER` made. Rows and bytes read are what the query log says. With `--setting`, such as
`use_skip_indexes=0`, it prints what the questions would take without something, and writes no result.
"""

import argparse
import json
import random
import sys
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

from clickhouse_connect.driver.client import Client
from rich.console import Console
from rich.table import Table

from bench import kept
from bench.uncached import READ, UNCACHED, comment, figures, new_run
from clickhouse import histogram
from clickhouse.client import connect_sync
from deploy.local.stack import Stack
from streams.settings import Settings

FOLDER = Path(__file__).parent / "queries"
RESULTS = Path(__file__).parent / "results"
DAYS = (1, 7, 30)
"""Lengths of the ranges that are asked for, in turn."""
SPAN = "SELECT min(bucket), max(bucket) FROM events_hourly"
CHOICES = {  # column and table that the values of a parameter are drawn from
    "driver": ("driver_id", "driver_earnings"),
    "organizer": ("organizer_id", "organizer_daily_metrics"),
    "ticketed_event": ("ticketed_event_id", "event_performance"),
    "user": ("user_id", "events_raw"),
    "session": ("session_id", "page_views"),
}
_DRAWN = "SELECT DISTINCT {column} FROM {table} WHERE {column} != '' LIMIT 500"


def measure(
    client: Client, rounds: int, dice: random.Random, settings: Mapping[str, str] = MappingProxyType({})
) -> dict[str, dict[str, Any]]:
    """Milliseconds, rows and bytes of each question, over the rounds."""
    first, last = client.query(SPAN).result_rows[0]
    choices = drawn(client)
    asking = questions()
    run = new_run("query")
    spent: dict[str, list[float]] = {name: [] for name in asking}
    answers: dict[str, int] = {}
    for number in range(rounds):
        for name, sql in asking.items():
            asked = parameters(first, last, choices, DAYS[number % len(DAYS)], dice)
            began = time.perf_counter()
            result = client.query(
                sql, parameters=asked, settings={**UNCACHED, **settings, "log_comment": comment(run, name, number)}
            ).result_rows
            spent[name].append((time.perf_counter() - began) * 1000)
            answers[name] = max(answers.get(name, 0), len(result))
    client.command("SYSTEM FLUSH LOGS")
    read = figures(client.query(READ, parameters={"run": f"{run}/"}).result_rows)
    return {name: kept.times(times) | read[name] | {"answer_rows": answers[name]} for name, times in spent.items()}


def questions() -> dict[str, str]:
    """The statement of each question, by its name."""
    return {path.stem: histogram.filled(path.read_text()) for path in sorted(FOLDER.glob("*.sql"))}


def drawn(client: Client) -> dict[str, list[str]]:
    """Whom a question can be about, by parameter."""
    return {
        name: [str(row[0]) for row in client.query(_DRAWN.format(column=column, table=table)).result_rows]
        for name, (column, table) in CHOICES.items()
    }


def parameters(
    first: datetime, last: datetime, choices: dict[str, list[str]], days: int, dice: random.Random
) -> dict[str, Any]:
    """A range within the store's span, and somebody of each kind."""
    room = max(0.0, (last - first).total_seconds() - days * 86_400)
    until = last - timedelta(seconds=dice.random() * room)
    asked: dict[str, Any] = {"since": until - timedelta(days=days), "until": until}
    return asked | {name: dice.choice(found) for name, found in choices.items() if found}


def _pair(word: str) -> tuple[str, str]:
    """NAME=VALUE. Raises as argparse wants it."""
    name, equals, value = word.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{word!r} is no NAME=VALUE")
    return name, value


def show(result: dict[str, Any]) -> Table:
    """The table that is printed."""
    table = Table("Question", "p50 ms", "p95 ms", "Rows read", "MB read", title=f"{result['rows']:,} raw rows")
    for name, each in result["questions"].items():
        table.add_row(
            name,
            f"{each['median_ms']:.0f}",
            f"{each['p95_ms']:.0f}",
            f"{each['read_rows']:,}",
            f"{each['read_bytes'] / 1e6:.1f}",
        )
    return table


def run(home: Path, rounds: int, given: Mapping[str, str] = MappingProxyType({})) -> dict[str, Any]:
    """Ask the store in a folder. `given`: further settings of ClickHouse."""
    with Stack(Settings(millrace_home=home, log_level="warning"), home) as settings:
        client = connect_sync(settings)
        rows = client.query(kept.RAW_ROWS).result_rows[0][0]
        return {"rows": rows, "rounds": rounds, "questions": measure(client, rounds, random.Random(7), given)}


def main() -> None:
    """Ask, print, and write the result."""
    parser = argparse.ArgumentParser(prog="python -m bench query", description=__doc__)
    parser.add_argument("--home", type=Path, required=True, help="folder of `python -m bench volume --keep`")
    parser.add_argument("--rounds", type=int, default=30, help="times that each is asked (default: %(default)s)")
    parser.add_argument(
        "--setting",
        action="append",
        default=[],
        type=_pair,
        metavar="NAME=VALUE",
        help="a setting of ClickHouse, for comparison",
    )
    arguments = parser.parse_args()
    kept.must_be_kept(arguments.home)
    result = run(arguments.home, arguments.rounds, dict(arguments.setting))
    if not arguments.setting:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "query.json").write_text(json.dumps(result, indent=2) + "\n")
    Console(file=sys.stdout, width=110).print(show(result))


if __name__ == "__main__":
    main()
