"""The queries of docs/bi.md give what the metrics give that they name, and read what an analyst may read."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

import pytest

from clickhouse.client import connect_sync
from tests.support.metric_client import Asking
from tests.support.metric_world import World
from tests.support.snippets import blocks

ROOT = Path(__file__).parents[3]
DOCUMENT = (ROOT / "docs/bi.md").read_text()
QUERIES = dict(re.findall(r"as `([\w.]+)`.*?```sql\n(.*?)```", DOCUMENT, re.DOTALL))
"""By the metric that the text above each names."""
ROLES = ElementTree.parse(ROOT / "deploy/clickhouse/users.d/roles.xml")
ASKED = {
    "rides.net_revenue": ("payments", "granularity=day&zone=America/New_York"),
    "ticketing.visitors": ("audience", "by=device_type"),
    "ticketing.gross_revenue": ("sales", "by=organizer_id"),
    "rides.trips_completed": ("trips", "granularity=hour&zone=UTC"),
}
"""The same question to the API."""
LINES: dict[str, Callable[[Any], tuple[str, ...]]] = {
    "rides.net_revenue": lambda row: (row["start"][:10], row["key"]["currency"], row["value"]),
    "ticketing.visitors": lambda row: (row["key"]["device_type"], str(row["value"])),
    "ticketing.gross_revenue": lambda row: (row["key"]["organizer_id"], row["key"]["currency"], row["value"]),
    "rides.trips_completed": lambda row: (row["start"][:16].replace("T", " "), str(row["value"])),
}
"""A row of the answer, as the query tells it."""


def of_world(query: str, world: World) -> str:
    """The query over the time of a world, its macro as Grafana fills it."""
    begin, end = (f"{at:%Y-%m-%d %H:%M:%S}" for at in (world.begin, world.end))
    told = {"2030-05-01 00:00:00": begin, "2030-06-01 00:00:00": end}
    for moment, own in told.items():
        query = re.sub(rf"toDateTime\('{moment}', '[\w/]+'\)", f"toDateTime('{own}', 'UTC')", query)
    return re.sub(
        r"\$__timeFilter\((\w+)\)", rf"\1 >= toDateTime('{begin}', 'UTC') AND \1 < toDateTime('{end}', 'UTC')", query
    )


def readable(domain: str) -> set[str]:
    """Tables that an analyst of a domain may read."""
    grants = [grant.text or "" for grant in ROLES.iterfind(f"roles/analyst_{domain}/grants/query")]
    return {grant.rpartition("millrace.")[2] for grant in grants}


@pytest.mark.parametrize("metric", ASKED)
async def test_a_query_gives_what_its_metric_gives(metric: str, asking: Asking, metric_world: World) -> None:
    query = QUERIES[metric]
    assert {*re.findall(r"FROM (\w+)", query)} <= readable(metric.partition(".")[0])

    client = connect_sync(metric_world.settings)
    found = [tuple(map(plain, row)) for row in client.query(of_world(query, metric_world)).result_rows]
    client.close()
    group, words = ASKED[metric]
    span = f"from={quote(metric_world.begin.isoformat())}&to={quote(metric_world.end.isoformat())}"
    answer = await asking.metrics(group, f"metric={metric}&{span}&{words}&limit=10000")
    assert sorted(found) == sorted(LINES[metric](row) for row in answer["metrics"][0]["rows"])
    assert len(found) > 2


def plain(value: Any) -> str:
    """A value as the API writes it."""
    return f"{value:%Y-%m-%d %H:%M}" if hasattr(value, "hour") else f"{value}"


def test_every_query_is_tried() -> None:
    assert QUERIES.keys() == ASKED.keys()
    assert len(blocks(DOCUMENT, "sql")) == len(QUERIES)


async def test_the_address_for_grafana_gives_its_columns(asking: Asking, metric_world: World) -> None:
    (address,) = blocks(DOCUMENT, "url")
    begin, end = (f"{at:%Y-%m-%dT%H:%M:%S}.000Z" for at in (metric_world.begin, metric_world.end))
    path = address.strip().replace("${__from:date:iso}", begin).replace("${__to:date:iso}", end)
    found = (await asking.get(path)).content["metrics"][0]["rows"]
    assert len(found) > 20
    assert all(row["start"] and float(row["value"]) is not None and row["key"]["currency"] for row in found)
