"""Exports over real HTTP: every format says what the metrics and the tables say; scopes, limits and the audit hold."""

import asyncio
import contextlib
import csv
import io
import json
import os
import re
import tempfile
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any
from urllib.parse import quote, urlsplit

import aiohttp
import openpyxl
import pyarrow.parquet
import pytest
from pydantic import SecretStr

from api.ingest.schema import ProblemDetails
from clickhouse.export.writers import KINDS, Format
from metadata.audit import Audit, Recorded, Wanted
from metadata.keys import Scope
from metadata.session import connect
from streams.settings import Settings
from tests.api.metrics.test_metrics import span
from tests.support.live import cut_off, served
from tests.support.metric_client import Asking
from tests.support.metric_world import World
from tests.support.posting import new_key
from tests.support.waiting import eventually

WORDS = "metric=net_revenue&granularity=day&by=method&compare=previous"


async def fetched(asking: Asking, path: str, key: str) -> tuple[bytes, Any]:
    """A file, and the headers that came with it."""
    async with asking.http.get(f"{asking.url}/v1/export/{path}", headers={"Authorization": f"Bearer {key}"}) as answer:
        body = await answer.read()
        assert answer.status == 200, body
        return body, answer.headers


async def refused(asking: Asking, path: str, key: str) -> tuple[int, str, str]:
    """Status, code and words of a refusal."""
    found = await asking.get(f"/v1/export/{path}", key)
    assert found.headers["Content-Type"] == "application/problem+json", found.content
    ProblemDetails.model_validate(found.content)
    return found.status, found.content["code"], found.content["detail"]


async def recorded(settings: Settings, key: str) -> list[Recorded]:
    """What the audit log has of a key's exports, the newest first."""
    engine = connect(settings)
    try:
        wanted = Wanted(actions=("export",), actor=f"key:{key.split('_')[1]}")
        return await Audit(engine, settings).list(wanted)
    finally:
        await engine.dispose()


@pytest.fixture(scope="module")
def rows_key(metric_settings: Settings) -> str:
    """A key that may export everything but people."""
    return asyncio.run(new_key(metric_settings, [Scope.METRICS_READ, Scope.ROWS_READ]))


@pytest.fixture
async def narrow(metric_settings: Settings) -> AsyncIterator[Asking]:
    """A process whose exports may be small only."""
    small = metric_settings.model_copy(update={"export_rows": 50, "export_bytes": 1000})
    with served(small) as (url, _):
        async with aiohttp.ClientSession() as http:
            yield Asking(url, "", http)


def values(form: Format, body: bytes) -> list[tuple[str, Decimal]]:
    """Method and value of each row."""
    if form is Format.XLSX:
        sheet = openpyxl.load_workbook(io.BytesIO(body)).active
        assert sheet is not None
        title, *lines = sheet.iter_rows(values_only=True)
        rows = [dict(zip(map(str, title), line, strict=True)) for line in lines]
    elif form is Format.PARQUET:
        rows = pyarrow.parquet.read_table(io.BytesIO(body)).to_pylist()
    elif form is Format.CSV:
        rows = [dict(row) for row in csv.DictReader(io.StringIO(body.decode()))]
    else:
        rows = json.loads(body)["rows"] if form is Format.JSON else [json.loads(line) for line in body.splitlines()]
    return [(str(row["method"]), Decimal(str(row["value"])).quantize(Decimal("0.0001"))) for row in rows]


@pytest.mark.parametrize("form", Format)
async def test_a_file_says_what_the_answer_says(
    form: Format, asking: Asking, rows_key: str, metric_world: World
) -> None:
    answer = await asking.metrics("payments", f"{span(metric_world)}&{WORDS}")
    body, headers = await fetched(asking, f"metrics/payments?{span(metric_world)}&{WORDS}&format={form}", rows_key)

    told = [(row["key"]["method"], Decimal(row["value"])) for row in answer["metrics"][0]["rows"]]
    assert values(form, body) == told
    assert headers["Content-Type"] == KINDS[form].media_type
    assert (int(headers["Millrace-Rows"]), int(headers["Content-Length"])) == (len(told), len(body))
    assert headers["Content-Disposition"].endswith(f'.{form}"')
    assert headers["Cache-Control"] == "private, no-store"


async def test_rows_of_a_table_are_a_file_and_an_entry_of_the_audit(
    asking: Asking, metric_settings: Settings, metric_world: World
) -> None:
    key = await new_key(metric_settings, [Scope.ROWS_READ], ["ticketing"])
    body, _ = await fetched(asking, f"tables/ticket_sales?{span(metric_world)}&format=ndjson", key)

    rows = [json.loads(line) for line in body.splitlines()]
    own = [row for row in metric_world.rows if row["event_type"] in ("ticket.purchased", "ticket.refunded")]
    assert len(rows) == len(own) > 100
    assert not {"user_id", "session_id"} & {*rows[0]}
    (entry,) = await recorded(metric_settings, key)
    assert (entry.subject, entry.outcome) == ("ticket_sales", "done")
    assert entry.figures == {"rows": len(rows), "bytes": len(body)}
    assert entry.parameters["from"].startswith(f"{metric_world.begin:%Y-%m-%d}")


async def test_a_key_has_what_it_may(
    asking: Asking, metric_settings: Settings, metric_world: World, rows_key: str
) -> None:
    reading = await new_key(metric_settings, [Scope.METRICS_READ, Scope.PEOPLE_READ])
    ticketing = await new_key(metric_settings, [Scope.METRICS_READ, Scope.ROWS_READ], ["ticketing"])
    people = await new_key(metric_settings, [Scope.ROWS_READ, Scope.PEOPLE_READ])
    words = span(metric_world)

    assert (await refused(asking, f"tables/trip_events?{words}", ""))[:2] == (401, "unauthorized")
    assert "rows:read" in (await refused(asking, f"tables/trip_events?{words}", reading))[2]
    assert "'rides'" in (await refused(asking, f"tables/trip_events?{words}", ticketing))[2]
    assert "'rides'" in (await refused(asking, f"metrics/trips?{words}&metric=trips_started", ticketing))[2]
    assert "people:read" in (await refused(asking, f"tables/trip_events?{words}&column=driver_id", rows_key))[2]
    assert (
        "people:read"
        in (await refused(asking, f"metrics/drivers?{words}&metric=driver_earnings&by=driver_id", rows_key))[2]
    )
    body, _ = await fetched(asking, f"tables/trip_events?{words}&column=driver_id", people)
    assert body.startswith(b'"driver_id"\n"')
    assert [each.outcome for each in await recorded(metric_settings, rows_key)].count("failed") == 0


@pytest.mark.parametrize(
    ("path", "status", "code", "told"),
    [
        ("tables/dead_letters", 400, "unknown_table", "booking_events"),
        ("tables/events?column=fare", 400, "unknown_column", "ticket_type_id"),
        ("tables/events?format=doc", 400, "bad_format", "parquet"),
        ("tables/events?limit=3", 400, "unknown_parameter", "column"),
        ("tables/events?from=soon", 400, "bad_time", "2026-01-31T12:00:00Z"),
        ("metrics/payments?metric=net_revenue&metric=payment_success", 400, "mixed_metrics", "one kind"),
        ("metrics/payments?metric=net_revenue&limit=3", 400, "unknown_parameter", "all rows"),
        ("metrics/weather", 404, "not_found", "docs/API.md"),
    ],
)
async def test_what_does_not_fit_is_a_problem(
    path: str, status: int, code: str, told: str, asking: Asking, rows_key: str
) -> None:
    found = await refused(asking, path, rows_key)

    assert found[:2] == (status, code)
    assert told in found[2]


async def test_what_is_too_large_is_refused_before_anything_is_sent(
    narrow: Asking, metric_settings: Settings, metric_world: World
) -> None:
    key = await new_key(metric_settings, [Scope.METRICS_READ, Scope.ROWS_READ])
    many = await refused(narrow, f"tables/events?{span(metric_world)}", key)
    wide = await refused(narrow, f"metrics/bookings?{span(metric_world)}&metric=bookings_created&granularity=hour", key)
    long = await refused(narrow, f"metrics/payments?{span(metric_world)}&{WORDS}&format=json", key)

    assert many[:2] == (413, "too_large")
    assert "EXPORT_ROWS=50" in many[2]
    assert "POST /v1/exports" in many[2]
    assert (wide[:2], long[:2]) == ((413, "too_large"), (413, "too_large"))
    assert "EXPORT_ROWS=50" in wide[2]
    assert "EXPORT_BYTES=1,000" in long[2]
    assert {each.outcome for each in await recorded(metric_settings, key)} == {"failed"}


async def test_an_export_that_cannot_be_recorded_is_refused(
    metric_settings: Settings, metric_world: World, rows_key: str
) -> None:
    assert metric_settings.database_url is not None
    path = f"tables/route_events?{span(metric_world)}"
    with cut_off(metric_settings.database_url.get_secret_value()) as (url, proxy):
        own = metric_settings.model_copy(update={"database_url": SecretStr(url)})
        with served(own) as (place, _):
            async with aiohttp.ClientSession() as http:
                asking = Asking(place, "", http)
                await fetched(asking, path, rows_key)  # the process knows the key from now on
                proxy.refuse()
                found = await refused(asking, path, rows_key)
                proxy.accept()
    assert found[:2] == (503, "audit_unavailable")
    assert "audit log" in found[2]


async def test_more_exports_than_may_be_are_told_to_come_again(metric_settings: Settings, metric_world: World) -> None:
    assert metric_settings.clickhouse_url is not None
    key = await new_key(metric_settings, [Scope.METRICS_READ, Scope.ROWS_READ])
    path = f"tables/route_events?{span(metric_world)}"

    async def begun() -> bool:
        return [each.outcome for each in await recorded(metric_settings, key)] == ["begun"]

    with cut_off(metric_settings.clickhouse_url) as (url, proxy):
        own = metric_settings.model_copy(update={"clickhouse_url": url, "export_concurrency": 1})
        with served(own) as (place, _):
            async with aiohttp.ClientSession() as http:
                asking = Asking(place, "", http)
                proxy.do(lambda made: made.passes.clear())
                first = asyncio.create_task(fetched(asking, path, key))
                await eventually("an export to begin", begun)
                status, code, _ = await refused(asking, path, key)
                proxy.do(lambda made: made.passes.set())
                assert len((await first)[0]) > 1000
                await fetched(asking, path, key)
    assert (status, code) == (503, "busy")


async def test_openapi_tells_them(asking: Asking) -> None:
    paths = (await asking.get("/openapi.json")).content["paths"]

    for path in ("/v1/export/tables/{table}", "/v1/export/metrics/payments"):
        operation = paths[path]["get"]
        assert operation["security"] == [{"ApiKey": []}]
        assert {"200", "400", "401", "403", "413", "429", "503"} <= {*operation["responses"]}
        assert "text/csv" in operation["responses"]["200"]["content"]


HOSTILE = (
    "' OR 1=1 --",
    "`; DROP TABLE events",
    "{begin:String}",
    "\x00",
    "\r\nX-Other: 1",
    "../../etc/passwd",
    "\u2028",
    "a" * 5000,
)


async def test_hostile_words_are_clear_errors(asking: Asking, rows_key: str) -> None:
    for value in HOSTILE:
        text = quote(value, safe="")
        for path in (
            f"tables/{text}",
            *(f"tables/events?{word}={text}" for word in ("column", "format", "from", "to", "zone", text)),
            *(
                f"metrics/sales?metric=tickets_sold&{word}={text}"
                for word in ("metric", "by", "zone", "compare", "exact")
            ),
        ):
            found = await asking.get(f"/v1/export/{path}", rows_key)
            assert found.status in (400, 404), path
            assert "X-Other" not in found.headers


def unnamed() -> int:
    """Files of this process, and so of the web process in it, that have no name any more."""
    found = 0
    for number in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):  # closed since
            name = os.readlink(f"/proc/self/fd/{number}")
            found += name.startswith(f"{tempfile.gettempdir()}/#") or name.endswith(" (deleted)")
    return found


async def test_whoever_goes_away_in_the_middle_leaves_no_file(
    asking: Asking, rows_key: str, metric_world: World
) -> None:
    place, before = urlsplit(asking.url), unnamed()
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    path = f"/v1/export/tables/events_raw?{span(metric_world)}&format=json"
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {rows_key}\r\n\r\n".encode())
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200"), head
    size = int(re.findall(rb"(?i)content-length: (\d+)", head)[0])
    assert size > 8_000_000  # more than sockets hold: it is not sent yet
    assert unnamed() == before + 1
    writer.transport.abort()

    async def gone() -> bool:
        return unnamed() == before

    await eventually("the file to go", gone)
