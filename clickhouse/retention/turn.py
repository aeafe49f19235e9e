"""One archive, restore or erasure at a time: the lock, renewed from a thread while it is held."""

import contextlib
import threading
import time
from collections.abc import Iterator

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from clickhouse import lock
from clickhouse.client import connect_sync
from clickhouse.lock import RETENTION, Lock
from streams.errors import ConfigurationError, MillraceError
from streams.settings import Settings

RENEW_SECONDS = 10.0
POLL_SECONDS = 1.0


@contextlib.contextmanager
def taken(client: Client, settings: Settings, patience: float = 0.0) -> Iterator[Lock]:
    """Hold the lock for the time of the block; in a cluster there is one for all its nodes.

    Raises ConfigurationError if another still has it after `patience` seconds.
    """
    name, database = settings.clickhouse_cluster, settings.clickhouse_database
    owner, deadline = lock.new_owner(), time.monotonic() + patience
    lock.caught_up(client, database, name, RETENTION)
    while (
        held := lock.claim(client, database, owner, kind=RETENTION, cluster=name)
    ) is None and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    if held is None:
        raise ConfigurationError(
            f"{lock.holder(client, database, RETENTION)} archives, restores or erases at this moment, and only one "
            f"may; wait. If it was killed, its turn ends {RETENTION.lease_seconds:g} s after its last sign of life"
        )
    ended = threading.Event()
    renewal = threading.Thread(target=_renew, args=(settings, held, ended), name="retention-lock", daemon=True)
    renewal.start()
    try:
        yield held
    finally:
        ended.set()
        renewal.join()
        held.release()


def _renew(settings: Settings, held: Lock, ended: threading.Event) -> None:
    """Say every few seconds that the holder lives; what goes wrong is met by the holder's own next statement."""
    while not ended.wait(RENEW_SECONDS):
        with contextlib.suppress(ClickHouseError, MillraceError, OSError):
            client = connect_sync(settings)
            try:
                lock.write(client, held.database, [lock.Line("held")], held.number, held.owner, RETENTION)
            finally:
                client.close()
