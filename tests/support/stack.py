"""The embedded stack as fixtures: one for the session, and for each test a broker and a database of its own."""

import contextlib
import os
import secrets
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from deploy.local import broker, clickhouse_part
from deploy.local.part import Part
from deploy.local.process import Command
from deploy.local.stack import Stack
from streams.settings import Settings
from tests.support.proxy import ProxyThread, proxy_thread
from tests.support.tables import Made


@contextlib.contextmanager
def fresh_broker(logs: Path, server: broker.Broker | None = None) -> Iterator[str]:
    """An empty broker; it starts in a twentieth of a second, so every test can have one."""
    lost: list[str] = []
    part = Part(server or broker.Broker(), broker.ping, logs, lost.append)
    part.start()
    try:
        yield part.url
    finally:
        part.stop()
    assert not lost, lost


class Hidden(broker.Broker):
    """A broker that tells its clients another port than its own."""

    def __init__(self, told: int) -> None:
        self._told = told

    def command(self, port: int) -> Command:
        """As the broker's, but for what it tells."""
        made = super().command(port)
        told = made.argv.index("--advertised-listener-url") + 1
        return replace(made, argv=(*made.argv[:told], f"tcp://127.0.0.1:{self._told}", *made.argv[told + 1 :]))


@contextlib.contextmanager
def broker_behind(logs: Path) -> Iterator[ProxyThread]:
    """The way to a broker that clients reach on no other, and that can be away while the broker keeps what it has."""
    with proxy_thread("127.0.0.1", 0) as way, fresh_broker(logs, Hidden(way.port)) as servers:
        way.do(lambda proxy: proxy.aim("127.0.0.1", int(servers.rpartition(":")[2])))
        yield way


@pytest.fixture(scope="session")
def stack_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings of a stack that lives as long as the session; a part whose URL is set is used as given."""
    home = tmp_path_factory.mktemp("stack")
    if "PYTEST_XDIST_WORKER" in os.environ:
        Made.folder = tmp_path_factory.getbasetemp().parent
    lost: list[str] = []
    with Stack(Settings(), home, lost.append) as settings:
        yield settings.model_copy(update={"millrace_home": home})
    assert not lost, lost


@pytest.fixture
def settings(stack_settings: Settings, tmp_path: Path) -> Iterator[Settings]:
    """Settings of a test that shares nothing: an empty broker, a database name and a group nobody else has."""
    name = f"test_{secrets.token_hex(6)}"
    with fresh_broker(tmp_path) as servers:
        own = {"kafka_bootstrap_servers": servers, "clickhouse_database": name, "kafka_group": name}
        yield stack_settings.model_copy(update=own | {"worker_port": 0})
    # Hundreds of databases that nobody needs any more would slow the server for the tests that follow.
    clickhouse_part.ask(stack_settings.clickhouse_url or "", f"DROP DATABASE IF EXISTS {name} SYNC", 60)
