"""What became of everything that was sent, counted by plain SQL and from the log of intents."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from deploy.local.clickhouse_part import ask
from deploy.local.totals import dropped
from streams.settings import Settings
from tests.support.waiting import PAUSE

RAW = ("events_raw", "events")
RIDES = ("user_events", "booking_events", "payment_events", "trip_events", "route_events", "location_events")
TICKETING = ("page_views", "ticket_sales")


def query(settings: Settings, sql: str) -> list[list[Any]]:
    """Rows of a query in the test's database. Raises OSError."""
    assert settings.clickhouse_url is not None
    answer = ask(
        f"{settings.clickhouse_url}/?database={settings.clickhouse_database}&output_format_json_quote_64bit_integers=0",
        f"{sql} FORMAT JSONCompactEachRow",
        60,
    )
    return [json.loads(line) for line in answer.splitlines()]


def command(settings: Settings, sql: str) -> None:
    """Run a statement that answers nothing."""
    assert settings.clickhouse_url is not None
    ask(f"{settings.clickhouse_url}/?database={settings.clickhouse_database}", sql, 60)


def one(settings: Settings, sql: str) -> Any:
    """The first column of the first row."""
    return query(settings, sql)[0][0]


def counts(settings: Settings) -> dict[str, dict[str, int]]:
    """Rows by table, without the empty ones, and dead letters by reason, in the form of a truth's expectation."""
    tables = " UNION ALL ".join(f"SELECT '{name}', count() FROM {name}" for name in (*RAW, *RIDES, *TICKETING))
    reasons = query(settings, "SELECT reason, count() FROM dead_letters GROUP BY reason")
    return {"rows": {name: n for name, n in query(settings, tables) if n}, "dead_letters": dict(map(tuple, reasons))}


def all_found(settings: Settings) -> dict[str, Any]:
    """The same with duplicates and events sampled out, as the log of intents says."""
    left_out = asyncio.run(dropped(settings))
    return counts(settings) | {"duplicates": left_out["duplicate"], "sampled_out": left_out["sampled_out"]}


def doubled(settings: Settings) -> dict[str, int]:
    """By table the rows that stand there more than once: the same record, or the same event."""
    place, event = "topic, shard, offset", "source, event_id"
    asked = [(name, words) for name in RAW for words in (place, event)]
    asked += [(name, place) for name in (*RIDES, *TICKETING)] + [("dead_letters", "topic, partition, offset")]
    found: dict[str, int] = {}
    for name, words in asked:  # one by one: a set of millions of places takes much of what a small server has
        more = one(settings, f"SELECT count() - uniqExact({words}) FROM {name}")
        found[name] = max(more, found.get(name, 0))
    return {name: n for name, n in found.items() if n}


def moved_on(settings: Settings) -> int:
    """Rows and dead letters together."""
    return int(
        one(settings, "SELECT " + " + ".join(f"(SELECT count() FROM {name})" for name in (*RAW, "dead_letters")))
    )


def wait_for(
    settings: Settings, expected: dict[str, Any], seconds: float = 180, watch: Callable[[], object] = lambda: None
) -> None:
    """Wait until there are as many rows and dead letters as expected; `watch` is called meanwhile."""
    wanted = sum(expected["rows"].get(name, 0) for name in RAW) + sum(expected["dead_letters"].values())
    deadline = time.monotonic() + seconds
    while (got := moved_on(settings)) < wanted:
        assert time.monotonic() < deadline, f"{got} of {wanted} after {seconds} s: {counts(settings)}"
        watch()
        PAUSE.wait(0.25)


def assert_exact(settings: Settings, expected: dict[str, Any]) -> None:
    """Everything is there once: by table, by reason, duplicates and sampled out. Ask when no worker runs any more."""
    got, twice = all_found(settings), doubled(settings)
    assert (got, twice) == (expected, {}), f"found {got}, more than once {twice}, expected {expected}"


def total(expected: dict[str, Any]) -> Counter[str]:
    """Raw rows, dead letters, duplicates and sampled out: together the records that were sent."""
    return Counter(
        rows=sum(expected["rows"].get(name, 0) for name in RAW),
        dead_letters=sum(expected["dead_letters"].values()),
        duplicates=expected["duplicates"],
        sampled_out=expected["sampled_out"],
    )
