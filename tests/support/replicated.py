"""ClickHouse whose replicated tables take rows: the embedded engine, a real ZooKeeper, and an address for the engine.

A server tells its replicas an address to fetch parts from; the engine has no setting for one, and without it a replica
stays read-only. So it is written to where a server's configuration would have put it, in the engine's memory. Nothing
listens there: what replicas fetch from each other is the one thing that stays untested.
"""

import secrets
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from clickhouse_connect.driver.client import Client

from clickhouse import cluster, migrate
from clickhouse.client import connect_sync
from deploy.local.zookeeper import ZooKeeper
from streams.settings import Settings
from tests.support import engine
from tests.support.clickhouse import PASSWORD, Server
from tests.support.proxy import Proxy, proxy_thread

CLUSTER = "millrace"
ADDRESS, PORT = b"localhost", 9009
LARGEST = 1 << 31
"""Bytes of a mapping that is looked through."""
# The fields of the engine's context before its path, as 26.9 has them; a string is 24 bytes, the last one of a short
# string its length. All of them are empty in an engine.
HOST, PORT_AT, SCHEME = -0x70, -0x58, -0x50
NODE = "<replica><host>127.0.0.1</host><port>9000</port></replica>"
SERVERS = f"<tcp_port>9000</tcp_port><remote_servers><{CLUSTER}><shard>{NODE}</shard></{CLUSTER}></remote_servers>"
ON_CLUSTER = f" ON CLUSTER {CLUSTER}".encode()
HELD = "INSERT INTO holds (name, reason, held, at) SELECT 'mine', 'maintenance', 1, now64(3) - INTERVAL 1 HOUR"
MACROS = "<macros><shard>1</shard><replica>one</replica></macros>"


def give_address(pid: int, folder: Path) -> None:
    """Let the replicas of an engine of another process, over this folder, take rows.

    Fails where the engine's memory is not as this version's.
    """
    path = f"{folder}/".encode()
    flags = path + b"flags/"
    with Path(f"/proc/{pid}/mem").open("rb+", buffering=0) as memory:

        def read(at: int, size: int) -> bytes:
            memory.seek(at)
            return memory.read(size)

        mapped = list(_mapped(pid, read))
        contexts = {
            pointer - 24
            for text in _places(mapped, flags + b"\0")
            for pointer in _places(mapped, struct.pack("<QQ", text, len(flags)))
            if read(pointer - 16, 8) == struct.pack("<Q", len(path))
        }
        assert len(contexts) == 1, f"the engine's context was found {len(contexts)} times: has its version changed?"
        (context,) = contexts
        assert read(context + HOST, SCHEME + 24 - HOST) == bytes(SCHEME + 24 - HOST), "the engine's context differs"
        for at, text in ((HOST, ADDRESS), (SCHEME, b"http")):
            memory.seek(context + at)
            memory.write(text.ljust(23, b"\0") + bytes([len(text)]))
        memory.seek(context + PORT_AT)
        memory.write(struct.pack("<H", PORT))


def _mapped(pid: int, read: Callable[[int, int], bytes]) -> Iterator[tuple[int, bytes]]:
    """The process's own memory, mapping by mapping."""
    for line in Path(f"/proc/{pid}/maps").read_text("utf-8").splitlines():
        addresses, rights, *_ = line.split(None, 5)
        first, last = (int(each, 16) for each in addresses.split("-"))
        if rights.startswith("rw") and last - first < LARGEST:
            try:
                yield first, read(first, last - first)
            except OSError:
                continue  # gone meanwhile, or a device


def _places(mapped: list[tuple[int, bytes]], wanted: bytes) -> Iterator[int]:
    """Where these bytes stand."""
    for first, content in mapped:
        at = content.find(wanted)
        while at >= 0:
            yield first + at
            at = content.find(wanted, at + 1)


@contextmanager
def replicated(folder: Path, zookeeper: ZooKeeper) -> Iterator[Settings]:
    """Settings of a server that is the one node of a cluster.

    One at a time: to the Keeper all engines are the same server.
    """
    keeper = f"<zookeeper><node><host>127.0.0.1</host><port>{zookeeper.port}</port></node></zookeeper>"
    server = Server(folder, "--config", str(engine.configured(folder, SERVERS, MACROS, keeper)))
    try:
        give_address(server.process.pid, folder)
        url = server.address.url.replace("//", f"//default:{PASSWORD.replace(' ', '%20')}@")
        yield Settings(clickhouse_url=url, clickhouse_database="m", clickhouse_cluster=CLUSTER)
    finally:
        server.kill()  # closed in order it would wait for replicas that nobody answers


class OneNode(Proxy):
    """Lets the one node execute what is meant for the whole cluster: the engine has no queue of such statements."""

    def edited(self, data: bytes) -> bytes:
        return data.replace(ON_CLUSTER, b" " * len(ON_CLUSTER))


@contextmanager
def as_cluster(settings: Settings) -> Iterator[Settings]:
    """Settings of the same server at an address where ON CLUSTER does what it does in a cluster of one node."""
    url = urlsplit(settings.clickhouse_url or "")
    assert url.hostname
    assert url.port
    with proxy_thread(url.hostname, url.port, OneNode) as made:
        address = url._replace(netloc=url.netloc.replace(f":{url.port}", f":{made.port}")).geturl()
        yield settings.model_copy(update={"clickhouse_url": address})


def whole_database(replicas: Settings) -> Settings:
    """Settings of a database with all tables and views, held for an hour already."""
    name = f"test_{secrets.token_hex(6)}"
    with connected(replicas, clickhouse_database="default") as client:
        make(client, name, name)
    settings = replicas.model_copy(update={"clickhouse_database": name, "kafka_group": name})
    with connected(settings) as client:
        client.command(HELD, settings={"async_insert": 0})
    return settings


def make(client: Client, database: str, group: str, only: tuple[str, ...] = ()) -> None:
    """A database with the cluster's tables and views, as ON CLUSTER makes them: all, or those of these names.

    Databases of one group are replicas of each other: its tables have one path in the Keeper, as those of one uuid.
    """
    client.command(f"CREATE DATABASE {database}")
    structure = (migrate.FOLDER.parent / "structure.sql").read_text("utf-8")
    for sql in cluster.schema(structure, database, CLUSTER):
        _, kind, name, *_ = sql.replace("MATERIALIZED VIEW", "VIEW").split(None, 3)
        own, _, table = name.partition(".")
        if kind not in ("TABLE", "VIEW") or own != database or (only and table not in only):
            continue
        here = sql.replace(f" ON CLUSTER {CLUSTER}", "", 1)
        named = here.replace("{uuid}", f"{group}/{table}").replace("{replica}", database)
        client.command(named, use_database=False)


@pytest.fixture(scope="module")
def replicas(zookeeper: ZooKeeper, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings of such a server, without any table."""
    with replicated(tmp_path_factory.mktemp("replicated"), zookeeper) as settings:
        yield settings


@contextmanager
def connected(settings: Settings, **more: object) -> Iterator[Client]:
    """A client of its database, under other settings if given."""
    client = connect_sync(settings.model_copy(update=more))
    try:
        yield client
    finally:
        client.close()
