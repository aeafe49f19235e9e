"""Makes the site of a run: all parts, empty, with topics and tables, and a way to each of them from each worker."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from deploy.local import clickhouse_part, postgres, redis
from deploy.local.kafka import Kafka
from deploy.local.part import Part, Server
from deploy.local.process import free_port
from deploy.local.totals import LeftOut
from streams.cli import topics
from streams.settings import Settings
from tests.faults import disk
from tests.faults.oracle import Oracle
from tests.faults.site import AGE, INSERTS, MOST_WORKERS, PARTITIONS, SETTLE, Hand, Site
from tests.faults.way import KafkaWay
from tests.support.found import command
from tests.support.proxy import ProxyThread, proxy_thread
from tests.support.tables import migrated
from tests.support.workers import Worker, crew

SETTINGS: dict[str, Any] = {
    "kafka_partitions": PARTITIONS,
    "kafka_group": "faults",
    "kafka_forgets": False,
    "kafka_session_timeout_seconds": 6,
    "clickhouse_database": "faults",
    "clickhouse_timeout_seconds": 10.0,
    # Few, larger inserts: every one feeds all views, and all parts share this machine.
    "batch_seconds": 2.0,
    "retry_longest_seconds": 2.0,
    # A poison batch is a fault here, not a reason to stop and ask.
    "dead_letter_limit": 1.0,
    # Every repeat of a run lies within the memory.
    "duplicate_memory_seconds": 7200,
    "log_format": "json",
}


@contextmanager
def opened(home: Path, *, short_age: bool, own_disk: bool = False) -> Iterator[Site]:
    """All parts running and empty, with topics and tables, and no worker; all of it gone at the end."""
    with ExitStack() as stack:
        if own_disk:
            stack.enter_context(disk.mounted(home / "clickhouse"))
        stores = _parts(stack, home)
        settings = Settings(_env_file=None).model_copy(  # type: ignore[call-arg]
            update=SETTINGS
            | {part.server.setting: part.url for part in stores if part.server.setting != "database_url"}
            | {"millrace_home": home / "home"}
            | ({"batch_age_seconds": AGE, "batch_settle_seconds": SETTLE} if short_age else {})
        )
        ports = [free_port() for _ in range(MOST_WORKERS)]
        ways = [stack.enter_context(proxy_thread("127.0.0.1", port, KafkaWay)) for port in ports]
        kafka = Kafka(home / "kafka", ways=[(port, way.port) for port, way in zip(ports, ways, strict=True)])
        kafka.start()
        stack.callback(kafka.stop)
        settings = settings.model_copy(update={"kafka_bootstrap_servers": kafka.url})
        migrated(settings)
        asyncio.run(topics.create(settings))
        if short_age:
            _shorten_age(settings)
        workers = stack.enter_context(crew(home / "workers"))
        hands = [_hand(stack, settings, way, home / "workers" / f"worker-{n}.log") for n, way in enumerate(ways)]
        workers.workers += [hand.worker for hand in hands]
        site = Site(home, settings, kafka, *stores, workers, hands, Oracle(settings), LeftOut(settings))
        stack.callback(site.end)
        yield site


def _parts(stack: ExitStack, home: Path) -> tuple[Part, Part, Part]:
    lost: list[str] = []
    parts = []
    servers: list[tuple[Server, Callable[[str], None]]] = [
        (clickhouse_part.ClickHouse(home / "clickhouse", "a-password"), clickhouse_part.ping),
        (redis.Redis(home / "redis", "a-password"), redis.ping),
        (postgres.Postgres(home / "postgres", "a-password", home), postgres.ping),
    ]
    for server, ping in servers:
        part = Part(server, ping, home, lost.append)
        part.start()
        stack.callback(part.stop)
        parts.append(part)
    return parts[0], parts[1], parts[2]


def _shorten_age(settings: Settings) -> None:
    """Let ClickHouse refuse a batch after AGE, as the settings say."""
    for table in INSERTS:
        command(settings, f"ALTER TABLE {table} DROP CONSTRAINT fresh")
        command(
            settings,
            f"ALTER TABLE {table} ADD CONSTRAINT fresh CHECK ingested_at BETWEEN "
            f"nowInBlock64(3) - INTERVAL {AGE:.0f} SECOND AND nowInBlock64(3) + INTERVAL 1 MINUTE",
        )


def _hand(stack: ExitStack, settings: Settings, kafka: ProxyThread, log: Path) -> Hand:
    clickhouse_way, clickhouse_url = _way(stack, settings.clickhouse_url or "")
    redis_way, redis_url = _way(stack, settings.redis_url or "")
    own = settings.model_copy(
        update={
            "kafka_bootstrap_servers": f"127.0.0.1:{kafka.port}",
            "clickhouse_url": clickhouse_url,
            "redis_url": redis_url,
        }
    )
    return Hand(Worker(own, log), kafka, clickhouse_way, redis_way)


def _way(stack: ExitStack, url: str) -> tuple[ProxyThread, str]:
    """A proxy to the part at this address, and the address through it."""
    parts = urlsplit(url)
    way = stack.enter_context(proxy_thread(parts.hostname or "", parts.port or 0))
    return way, url.replace(f":{parts.port}", f":{way.port}")
