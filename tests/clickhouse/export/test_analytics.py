"""Answers of product analytics as a source of rows: awaited without a trace in the file, and let go at once."""

import asyncio
import io
from typing import Any

import pyarrow.parquet as pq
import pytest

from clickhouse.analytics.kinds import KINDS
from clickhouse.export import analytics
from clickhouse.export.analytics import AnalyticsSource
from clickhouse.export.make import Size, make
from clickhouse.export.writers import Format
from clickhouse.metrics.route import Limits
from streams.errors import QueryRefused
from tests.support.metric_world import World

LIMITS = Limits(1_000_000, 30)
SIZE = Size(100_000, 100_000_000, "ROWS", "BYTES", "ask for less")


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever makes the file hears at each turn that the answer is awaited."""
    monkeypatch.setattr(analytics, "LOOK_SECONDS", 0.0)


def source(world: World, limits: Limits = LIMITS) -> AnalyticsSource:
    """A funnel over all of the world's time."""
    span = {"domain": "ticketing", "from": world.begin.isoformat(), "to": world.end.isoformat()}
    kind = KINDS["funnels"]
    asked = kind.ask(kind.words.model_validate(span | {"steps": ["page.viewed", "event.viewed", "ticket.purchased"]}))
    return AnalyticsSource(world.settings, "funnels", asked, limits)


async def test_waiting_leaves_nothing_in_the_file(metric_world: World) -> None:
    seen = [batch.num_rows async for batch in source(metric_world).batches(100)]
    assert seen[-1] == 3
    assert len(seen) > 2
    assert not any(seen[:-1])

    file = io.BytesIO()
    made = await make(source(metric_world), Format.PARQUET, file, SIZE)
    written: Any = pq.ParquetFile(io.BytesIO(file.getvalue()))
    assert (made.rows, written.metadata.num_rows) == (3, 3)
    # That of the columns, and that of the rows.
    assert written.metadata.num_row_groups <= 2


async def test_an_export_that_ends_lets_its_question_go(metric_world: World) -> None:
    others = asyncio.all_tasks()
    batches: Any = source(metric_world).batches(100)
    assert [(await anext(batches)).num_rows for _ in range(2)] == [0, 0]
    assert asyncio.all_tasks() > others
    await batches.aclose()
    assert asyncio.all_tasks() <= others


async def test_what_costs_too_much_even_so_is_refused(metric_world: World) -> None:
    with pytest.raises(QueryRefused, match="10 rows") as refused:
        await make(source(metric_world, Limits(10, 30)), Format.CSV, io.BytesIO(), SIZE)
    assert "shorter time" in refused.value.hint
