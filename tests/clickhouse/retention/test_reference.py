"""The page about all tables says what the policy says, and what the live tables do."""

import re
from collections.abc import Iterator
from pathlib import Path

from clickhouse_connect.driver.client import Client

from clickhouse import policy
from clickhouse.retention import rules
from clickhouse.retention.rules import EVER, MARGIN_DAYS
from clickhouse.retention.ttl import Live, tables
from streams.settings import Settings

PAGE = Path(__file__).parents[3] / "docs/reference/clickhouse.md"


def told() -> dict[str, tuple[str, str, str]]:
    """What the page says of each table: hot, cold, then."""
    _, _, section = PAGE.read_text().partition("\n## Tables\n")
    lines = [line.strip("| ").split(" |") for line in section.partition("\n## ")[0].splitlines() if "| `" in line]
    found = {cells[0].strip(" `"): [cell.strip() for cell in cells] for cells in lines}
    return {name: (cells[6], cells[7], cells[8]) for name, cells in found.items()}


def live(client: Client, settings: Settings) -> Iterator[Live]:
    """The tables of the test's database that are no lock, as the server shows them."""
    for table in tables(policy.create_queries(client, settings.clickhouse_database)):
        if not re.search(r"lock_?\d+$", table.name):
            yield table


def test_days_on_the_page_are_those_of_the_policy_and_of_the_live_tables(client: Client, store: Settings) -> None:
    page, known = told(), rules.load(Settings.model_construct())
    assert store.archive_url, "these tests want an archive, else raw rows are dropped"
    assert store.clickhouse_storage_policy, "and a cold tier"

    for table in live(client, store):
        hot, cold, then = page[table.name]
        kind = known.of(table.name, table.engine)
        days = [int(found) for found in re.findall(r"toIntervalDay\((\d+)\)", table.ttl)]
        if hot == EVER:
            assert (kind.hot, days) == (None, []), table.name
            continue
        assert (int(hot), int(cold)) == (kind.hot, kind.cold), table.name
        if then.startswith("dropped"):
            assert kind.archive is None, table.name
            assert days == [int(hot), int(cold) + MARGIN_DAYS], table.name
        else:
            assert then.partition(";")[0] == f"archived until {kind.archive}", table.name
            assert days == [int(hot)], table.name
        for after, columns in known.coarse(table.name):
            assert then.endswith(f"; {', '.join(f'`{column}`' for column in columns)} NULL from {after}"), table.name


def test_raw_events_are_archived_and_everything_else_that_ends_is_dropped() -> None:
    page = told()

    assert {name for name, (_, _, then) in page.items() if then.startswith("archived")} == {"events", "events_raw"}
    assert page["events"] == ("90", "730", "archived until 2555")
    assert page["delivered"] == (EVER, "", "")
    assert page["metrics_realtime_latest"] == ("", "", "")
