"""`millrace clickhouse`: create the database, hold it against this version's schema, see whether the server is well."""

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer
from clickhouse_connect.driver.client import Client

from clickhouse import drift, health, migrate, report, structure
from clickhouse.client import connect, connect_sync
from clickhouse.health import Check, Status
from clickhouse.preflight import check
from clickhouse.report import Report, Sample, Server
from clickhouse.shards import addresses
from streams import log
from streams.cli import produce
from streams.errors import ConfigurationError, MillraceError, SinkUnavailable
from streams.events import registry
from streams.settings import Settings, load
from streams.world import clock
from streams.world.dice import Dice
from streams.world.runs import new_run, run_time
from streams.world.traffic import events
from streams.world.truth import Tally, Truth

app = typer.Typer(no_args_is_help=True, help="Set up ClickHouse and see whether it is well.")

DOMAINS = ("rides", "ticketing")
SAMPLE_HOURS = 1.0
"""The sample's events are spread over so many hours before now."""


@app.callback()
def clickhouse() -> None:
    """Set up ClickHouse and see whether it is well."""


@app.command()
def setup(
    sample: Annotated[
        int, typer.Option(min=0, help="Send so many generated events of both domains through Kafka; 0: none.")
    ] = 0,
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait for their rows; a worker must run.")] = 60,
    out: Annotated[
        Path | None, typer.Option("--report", help="Write the report here: JSON if it ends in .json, else Markdown.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Create what is missing, validate the schema, check the server's health, and report.

    It may be run as often as wanted and by many at once: migrations are applied under their lock, and all else only
    looks. Sample events go the way of all events, so they need a broker and a running worker, and stay in the tables.
    Exit code 0: all is well, warnings aside; 1: the report names what to mend.
    """
    settings = load()
    log.configure(settings.log_format, "error")
    made = run(settings, sample, wait)
    text = json.dumps(report.facts(made), indent=2, default=str) + "\n"
    if out is not None:
        _write(out, text if out.suffix == ".json" else report.markdown(made))
    typer.echo(text if as_json else report.markdown(made), nl=False)
    if made.faults:
        raise typer.Exit(1)


def run(settings: Settings, sample: int = 0, wait: float = 60) -> Report:
    """Set up and look. Raises ConfigurationError and SinkUnavailable where nothing could be created."""
    stores = addresses(settings)
    # In a cluster one node executes for all; servers without one each have tables of their own.
    executed = sum(migrate.run(each) for each in (stores[:1] if settings.clickhouse_cluster else stores))
    made = Report(datetime.now(UTC), settings.clickhouse_database, settings.clickhouse_cluster, executed, [])
    if sample and not settings.kafka_bootstrap_servers:
        made.sample_note = (
            "no sample was sent: KAFKA_BOOTSTRAP_SERVERS is not set, and events come into the tables by Kafka alone. "
            "Set it, or run `millrace up`"
        )
    elif sample:
        made.sample = asyncio.run(_send(settings, sample, wait))
    made.servers = [_server(each) for each in stores]
    return made


def _server(settings: Settings) -> Server:
    url = urlsplit(str(settings.clickhouse_url))
    with _connected(settings) as client:
        found = Server(f"{url.hostname}:{url.port}", health.look(client, settings))
        found.checks.append(_preflight(settings))
        live = structure.dump(client, settings.clickhouse_database)
        found.drift = drift.drift(live, settings.clickhouse_database, settings.clickhouse_cluster)
        found.tables = health.tables(client, settings)
    return found


def _preflight(settings: Settings) -> Check:
    """What a worker asks for before it starts."""

    async def ask() -> None:
        client = await connect(settings)
        try:
            await check(client, settings)
        finally:
            await client.close()

    try:
        asyncio.run(ask())
    except MillraceError as error:
        return Check("worker's preflight", Status.FAILED, str(error))
    return Check("worker's preflight", Status.OK, "a worker would start")


async def _send(settings: Settings, count: int, wait: float) -> Sample:
    """Send generated events, then wait for their rows. Raises SinkUnavailable if the broker does not take all."""
    now = datetime.now(UTC)
    started = new_run(now)
    dice, prefix = Dice(0), f"setup-{started}"
    times, density = clock.over(run_time(started).timestamp(), SAMPLE_HOURS, count), count / (SAMPLE_HOURS * clock.HOUR)
    records = islice(events(DOMAINS, dice, prefix, times, density), count)
    truth = Truth(
        command="setup", run=started, started_at=now.isoformat(), sample_rate=settings.location_sample_rate, seed=0
    )
    brokers = produce.servers(settings, None)
    failure = await produce.send(brokers, list(registry.topics), records, Tally(truth), count, None)
    if truth.unacknowledged:
        raise SinkUnavailable(
            f"{truth.unacknowledged} of {truth.sent} sample events were not acknowledged: {failure!r}"
        )
    expected = sum(truth.by_type.values()) - truth.sampled_out
    began = time.monotonic()
    arrived = 0
    while arrived < expected and time.monotonic() - began <= wait:
        arrived = await _arrived(settings, prefix)
        if arrived < expected:
            await asyncio.sleep(0.3)
    return Sample(truth.sent, expected, arrived, round(time.monotonic() - began, 1))


async def _arrived(settings: Settings, prefix: str) -> int:
    """Rows of the sample over all ClickHouse shards."""
    found = 0
    for each in addresses(settings):
        client = await connect(each)
        try:
            for table in ("events_raw", "events"):
                sql = f"SELECT uniqExact(source, event_id) FROM {table} WHERE startsWith(event_id, {{prefix:String}})"
                found += int((await client.query(sql, {"prefix": prefix})).result_rows[0][0])
        finally:
            await client.close()
    return found


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"--report {path} cannot be written: {error.strerror}") from error


@contextmanager
def _connected(settings: Settings) -> Iterator[Client]:
    client = connect_sync(settings)
    try:
        yield client
    finally:
        client.close()
