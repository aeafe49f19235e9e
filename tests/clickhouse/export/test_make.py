"""Files made from real tables: the rows that were delivered, all columns, within their limits, and nothing half."""

import io
import os
import random
import secrets
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
import pytest
from clickhouse_connect.driver.client import Client

from clickhouse.client import connect_sync
from clickhouse.export import table
from clickhouse.export.make import Made, Size, make
from clickhouse.export.metrics import MetricSource
from clickhouse.export.table import PERSONAL, TABLES, TableSource
from clickhouse.export.writers import Format
from clickhouse.metrics import catalogue
from clickhouse.metrics.answer import Answer, answer
from clickhouse.metrics.question import Question, ask
from clickhouse.metrics.route import Limits
from streams.errors import QueryRefused, SinkUnavailable
from streams.events import registry
from streams.events.domains import RIDES
from streams.events.sample import sample
from streams.settings import Settings
from tests.clickhouse.export.test_writers import FORMULAS, READ, from_csv, from_xlsx
from tests.support.metric_world import World
from tests.support.rows import DAY, bodies, decoded, insert, intent, samples

LIMITS = Limits(1_000_000, 30)
SIZE = Size(100_000, 100_000_000, "ROWS", "BYTES", "ask for less")


@pytest.fixture
def rollups() -> bool:
    return False


def everything(settings: Settings, name: str, columns: tuple[str, ...] = ()) -> TableSource:
    """All rows of a table."""
    wanted = table.ask(name, columns, "2001-01-01", "2099-01-01", people=True)
    return TableSource(settings, wanted, LIMITS)


async def written(source: Any, form: Format, size: Size = SIZE) -> tuple[Made, bytes]:
    """A file, and what was said of it."""
    file = io.BytesIO()
    return await make(source, form, file, size), file.getvalue()


@pytest.mark.parametrize("name", TABLES)
async def test_a_table_is_exported_whole(name: str, metric_world: World) -> None:
    source = everything(metric_world.settings, name)
    made, content = await written(source, Format.PARQUET)

    rows = READ[Format.PARQUET](content)
    assert made == Made(len(rows), len(content))
    assert list(rows[0]) == [column.name for column in TABLES[name].columns]
    if name in ("events", "events_raw"):
        own = [row for row in metric_world.rows if row["domain"] == TABLES[name].domain.name]
        key = ("source", "event_id", "event_type", "user_id")
        assert sorted(tuple(row[k] or "" for k in key) for row in rows) == sorted(
            tuple(row[k] or "" for k in key) for row in own
        )
        assert sum(row["amount"] or 0 for row in rows) == sum(Decimal(row["amount"] or 0) for row in own)
    assert rows


async def test_a_slice_has_its_time_and_its_columns(metric_world: World) -> None:
    begin, end = metric_world.begin + timedelta(hours=3), metric_world.begin + timedelta(hours=9)
    columns = ("amount", "occurred_at", "currency")
    wanted = table.ask("booking_events", columns, begin.isoformat(), end.isoformat(), people=False)
    _, content = await written(TableSource(metric_world.settings, wanted, LIMITS), Format.PARQUET)

    rows = READ[Format.PARQUET](content)
    own = [
        row
        for row in metric_world.rows
        if row["topic"] == "rides.booking" and begin <= row["occurred_at"].replace(tzinfo=UTC) < end
    ]
    assert [*rows[0]] == [*columns]
    assert len(rows) == len(own) > 100
    assert all(begin <= row["occurred_at"] < end for row in rows)


async def test_hostile_text_is_inert_in_files_made_from_rows(client: Client, store: Settings) -> None:
    noon = datetime(DAY.year, DAY.month, DAY.day, 12, tzinfo=UTC)
    events = []
    for number, text in enumerate(FORMULAS):
        event = sample(registry.events["booking.cancelled"], random.Random(number), noon)
        event["data"]["reason"] = text
        events.append(event)
    for name, block in bodies(decoded(events), intent()).items():
        insert(client, store, name, block, secrets.token_hex(4))

    for form in Format:
        _, content = await written(everything(store, "booking_events", ("reason", "amount")), form)
        if form is Format.CSV:
            assert sorted(row["reason"] for row in from_csv(content)) == sorted(f"'{text}" for text in FORMULAS)
        elif form is Format.XLSX:
            assert all((row[0].data_type, row[0].quotePrefix) == ("s", True) for row in from_xlsx(content))
        else:
            assert sorted(row["reason"] for row in READ[form](content)) == sorted(FORMULAS)


@pytest.mark.parametrize("form", Format)
async def test_what_is_too_large_is_refused_and_leaves_nothing(
    form: Format, metric_world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    source = everything(metric_world.settings, "payment_events")
    most = await source.count()
    for size in (Size(most - 1, 10**9, "ROWS", "BYTES", "less"), Size(most, 20_000, "ROWS", "BYTES", "less")):
        with pytest.raises(QueryRefused, match=r"(ROWS|BYTES)=[\d,]+ (rows|bytes) is all") as raised:
            await written(source, form, size)
        assert raised.value.code == "too_large"
    assert not os.listdir(tmp_path)


async def test_what_costs_too_much_is_refused(metric_world: World) -> None:
    source = everything(metric_world.settings, "events")
    few = TableSource(metric_world.settings, source.slice, Limits(10, 10))
    with pytest.raises(QueryRefused, match="10 rows read") as raised:
        await written(few, Format.CSV)
    assert raised.value.code == "too_expensive"


class Broken:
    """A source that ends before it has given what it counted, as a connection does that breaks between two blocks."""

    subject = "broken"

    async def count(self) -> int:
        """More than come."""
        return 2

    async def batches(self, most: int) -> AsyncIterator[Any]:
        """One row."""
        yield pa.RecordBatch.from_pylist([{"n": most}])


async def test_an_export_that_breaks_off_is_none() -> None:
    with pytest.raises(SinkUnavailable, match="1 rows of 2"):
        await written(Broken(), Format.CSV)


async def test_the_answers_of_metrics_are_all_there(metric_world: World, reader: Any) -> None:
    begin, end = (at.isoformat() for at in (metric_world.begin, metric_world.end))
    words: dict[str, Any] = {"begin": begin, "end": end, "zone": "America/New_York", "granularity": "hour"}
    question = ask(catalogue.find("driver_earnings"), **words, by=["driver_id"])
    pages: list[int] = []

    async def put(asked: Question) -> Answer:
        pages.append(asked.offset)
        return await answer(reader, asked, compare=False)

    _, content = await written(MetricSource("drivers", [question], put, compare=False), Format.PARQUET)
    rows = READ[Format.PARQUET](content)
    whole = await answer(reader, ask(catalogue.find("driver_earnings"), **words))
    assert sum(row["value"] for row in rows) == sum(Decimal(row.value or 0) for row in whole.rows)
    assert {row["unit"] for row in rows} == {"money"}
    assert {row["end"].astimezone(UTC) - row["start"].astimezone(UTC) for row in rows} == {timedelta(hours=1)}
    assert pages == [0]


def test_metrics_of_two_kinds_make_no_file() -> None:
    async def put(_: Question) -> Answer:
        raise AssertionError

    questions = [ask(catalogue.find(name)) for name in ("rides.net_revenue", "rides.payment_success")]
    with pytest.raises(QueryRefused, match="not both") as raised:
        MetricSource("payments", questions, put, compare=False)
    assert "net_revenue" in raised.value.hint


@pytest.mark.parametrize(
    ("name", "columns", "code"),
    [
        ("dead_letters", (), "unknown_table"),
        ("events", ("fare",), "unknown_column"),
        ("page_view", (), "unknown_table"),
    ],
)
def test_what_is_not_there_is_said(name: str, columns: tuple[str, ...], code: str) -> None:
    with pytest.raises(QueryRefused) as raised:
        table.ask(name, columns, "", "", people=False)
    assert raised.value.code == code
    assert raised.value.hint


@pytest.mark.parametrize("name", TABLES)
def test_what_names_people_is_left_out_unless_asked_for(name: str) -> None:
    without = table.ask(name, (), "7d", "", people=False)
    whole = table.ask(name, (), "7d", "", people=True)

    assert not without.tells_people
    assert {*whole.columns} - {*without.columns} == {*whole.columns} & {*PERSONAL}
    assert whole.tells_people


async def test_a_table_is_never_whole_in_memory(metric_world: World) -> None:
    source = everything(metric_world.settings, "events")
    sizes = [batch.num_rows async for batch in source.batches(1_000_000)]

    assert sizes[0] == 0
    assert len(sizes) > 2
    assert max(sizes) <= table.BLOCK_ROWS


@pytest.mark.faults
@pytest.mark.parametrize(
    ("form", "count"),
    [(Format.CSV, 10**6), (Format.NDJSON, 10**6), (Format.PARQUET, 10**6), (Format.XLSX, 10**5)],
)
async def test_many_rows_take_no_more_memory_than_some(
    form: Format, count: int, store: Settings, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    client = connect_sync(store.model_copy(update={"clickhouse_timeout_seconds": 300}))
    for name, block in bodies(samples(RIDES, 190), intent()).items():
        insert(client, store, name, block, "first")
    one = "SELECT * FROM user_events WHERE event_type = 'user.registered' LIMIT 1"
    client.command(f"INSERT INTO user_events SELECT t.* FROM numbers({count}) AS n CROSS JOIN ({one}) AS t")
    client.close()
    process = psutil.Process()
    most, before = 0, process.memory_info().rss

    async def tell(rows: int, size: int, expected: int | None) -> None:
        nonlocal most
        most = max(most, process.memory_info().rss - before)

    began = time.perf_counter()
    source = TableSource(store, everything(store, "user_events").slice, Limits(10_000_000, 300))
    with (tmp_path / "file").open("wb") as file:
        made = await make(source, form, file, Size(2_000_000, 10**10, "", "", ""), tell)
    figures = {"rows": made.rows, "bytes": made.bytes, "seconds": round(time.perf_counter() - began, 1)}
    record_property("figures", figures | {"megabytes": most // 10**6})
    assert made.rows > count
    assert most < 150_000_000, figures
