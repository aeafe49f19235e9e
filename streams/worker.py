"""The worker's table of contents: the app, its topics, its one agent, its pages. `faust -A streams worker`."""

import asyncio
import gc
import logging
import socket
import sys
from collections.abc import AsyncIterable, Sequence
from typing import NoReturn

import faust
import typer
import uvloop
from faust.types import TP
from mode import Service

from agents import pages, window_pages
from agents.build import Running, open_worker
from agents.ingest import ingest
from agents.kill_point import arm
from agents.preflight import preflight
from agents.shards import Shards
from clickhouse import arrow
from streams import log
from streams.batch import Chunk
from streams.chunks import App, Chunks, ConsumerThread, GroupConsumer, RawSchema, SourceTopics
from streams.errors import MillraceError
from streams.settings import load, made
from streams.topics import source_topics
from streams.version import VERSION
from tables.faust import pane_table


def refuse(error: MillraceError) -> NoReturn:
    """Tell in one message what is wrong and what to do, and end with exit code 1."""
    typer.secho(f"millrace: {error}", err=True, fg="red")
    sys.exit(1)


try:
    settings = load()
except MillraceError as wrong:
    refuse(wrong)
log.configure(settings.log_format, settings.log_level)
topics = frozenset(source_topics())
ConsumerThread.source_topics = topics
if settings.worker_loop == "uvloop":
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())


def free_port() -> int:
    """A port that nobody listens on now; Faust takes no 0."""
    with socket.socket() as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])


class Worker(faust.Worker):
    """Faust's worker; what is wrong with settings, topics or tables is told in one message before it starts."""

    def execute_from_commandline(self) -> None:
        """Check, then run; exit code 1 if a check fails."""
        try:
            arm(settings.worker_kill_at)
            asyncio.run(preflight(settings, topics))
            made(settings.millrace_home)
        except MillraceError as error:
            refuse(error)
        arrow.without_pandas()
        # A batch is some 100,000 objects that live for a second and hang in no circle: looking at the young ones each
        # 50,000 cost a tenth of the worker.
        gc.collect()
        gc.freeze()
        gc.set_threshold(400_000, 20, 50)
        super().execute_from_commandline()

    def on_setup_root_logger(self, logger: logging.Logger, level: int) -> None:
        """Without Faust's spinner, which from level `warn` on has every logger make its debug lines to turn by."""
        self.spinner = None
        super().on_setup_root_logger(logger, level)


app = App(
    settings.kafka_group,
    version=1,
    broker=";".join(
        f"aiokafka://{server}" for server in (settings.kafka_bootstrap_servers or "localhost:9092").split(",")
    ),
    store="memory://",
    datadir=settings.millrace_home / "faust",
    Worker=Worker,
    ConsumerScheduler=Chunks,
    Topic=SourceTopics,
    topic_disable_leader=True,
    topic_allow_declare=False,
    stream_wait_empty=False,
    stream_buffer_maxsize=1,  # fetches, not events
    broker_max_poll_records=settings.kafka_fetch_records,
    consumer_max_fetch_size=settings.kafka_fetch_bytes,
    consumer_auto_offset_reset="earliest",
    broker_session_timeout=settings.kafka_session_timeout_seconds,
    broker_heartbeat_interval=settings.kafka_heartbeat_seconds,
    broker_rebalance_timeout=settings.kafka_rebalance_timeout_seconds,
    web_host=settings.worker_host,
    web_bind=settings.worker_host,
    web_port=settings.worker_port or free_port(),
    logging_config=log.logging_config(settings.log_format, settings.log_level),
)
group = GroupConsumer(app, topics)
page = f"http://{settings.worker_host}:{app.conf.web_port}"
panes = pane_table(app, "panes")
opened = asyncio.Event()
source = app.topic(*sorted(topics), schema=RawSchema(), acks=False)


@app.service
class Delivery(Service):
    """Opens the connections and runs the shards; closes every shard before the connections go."""

    running: Running | None = None

    async def on_start(self) -> None:
        """Connect, and run the shards that are assigned already."""
        await self.add_runtime_dependency(panes)
        Delivery.running = await open_worker(settings, VERSION, group, group.positions, topics, panes, page)
        Delivery.running.start()
        opened.set()
        # Faust starts this service last: the first assignment may have come and gone.
        await assigned(app, app.consumer.assignment())

    async def on_stop(self) -> None:
        """Leave nothing to deliver again."""
        running, Delivery.running = Delivery.running, None
        if running is not None:
            await running.close(settings.worker_stop_seconds)


async def ingest_fetches(fetches: AsyncIterable[Sequence[Chunk]]) -> None:
    """Take the chunks of the source topics, as fetched together, from bytes to ClickHouse, exactly once."""
    await opened.wait()
    assert Delivery.running is not None
    await ingest(fetches, Delivery.running.shards)


app.agent(source, name="ingest")(ingest_fetches)


@app.on_partitions_assigned.connect
async def assigned(_: App, partitions: set[TP], **__: object) -> None:
    """Run the shards that are whole here."""
    if Delivery.running is not None:
        await Delivery.running.shards.assign((tp.topic, tp.partition) for tp in partitions)


@app.on_partitions_revoked.connect
async def revoked(_: App, __: set[TP], **___: object) -> None:
    """Close all shards in order; they are recovered where they go next."""
    if Delivery.running is not None:
        await Delivery.running.shards.revoke(settings.kafka_rebalance_timeout_seconds * 0.6)


def shards_here() -> Shards | None:
    """The shards, once the connections are open."""
    return Delivery.running.shards if Delivery.running else None


pages.register(app, shards_here, group)
window_pages.register(app, shards_here, pages.STYLE)
