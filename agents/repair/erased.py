"""Erase again, in a database that came back from a backup, those who were erased since the backup was taken.

The backup does not know of them, and Kafka may give their events again. So they are listed anew, from the list beside
the backups, and their rows go, before a shard goes on: workers read that list with the hold that they wait for.
"""

from pathlib import Path

from agents.suppress import pseudonyms_of
from clickhouse.archive.day import Archive
from clickhouse.archive.passing import MAINTENANCE_SECONDS, Work
from clickhouse.archive.store import opened
from clickhouse.backup.folder import Told
from clickhouse.backup.manifest import Manifest
from clickhouse.client import connect_sync
from clickhouse.erasure import again, beside
from clickhouse.erasure.beside import Erased
from clickhouse.erasure.receipt import Receipt
from clickhouse.lock import RETENTION, Lock, new_owner
from clickhouse.retention import turn
from clickhouse.retention.ledger import Ledger
from streams.settings import Settings
from tables.personal import personal_windows

PATIENCE = RETENTION.lease_seconds + 30.0
"""The copy has the turn of its backup in it, which is over when nothing was heard of it for so long."""


def since(folder: Path, backup: Manifest) -> list[Erased]:
    """Those who were erased after a backup was begun. Raises ConfigurationError for a list that cannot be read."""
    return [each for each in beside.read(folder) if each.at >= backup.at]


def check(settings: Settings, folder: Path, backup: Manifest) -> None:
    """Raise ConfigurationError if somebody has to be erased again, and the settings lack the key to tell whom."""
    again.check_key([each.key for each in since(folder, backup)], pseudonyms_of(settings))


def erase(settings: Settings, folder: Path, actor: str, told: Told) -> list[Receipt]:
    """List those whom the restored database does not know of, and erase the rows of all who are listed.

    Nothing can be written meanwhile: the shards are held, and the age has passed. Returns the receipts of those who had
    rows. Raises ConfigurationError, LockLost, InvariantBroken, ArchiveDamaged, ClickHouse's errors.
    """
    own = settings.model_copy(update={"clickhouse_timeout_seconds": MAINTENANCE_SECONDS, "backup_folder": str(folder)})
    client = connect_sync(own)
    try:
        ledger = Ledger(client, own.clickhouse_database, actor)
        if not again.missing(Work(client, own, Lock(client, own.clickhouse_database, 0, new_owner()))):
            return []
        told("erasing again who was erased since")
        with turn.taken(client, own, PATIENCE) as held:
            work = Work(client, own, held)
            again.tell(work)
            archive = Archive(work, opened(own), ledger) if own.archive_url else None
            wanted = again.requests([work], personal_windows(), pseudonyms_of(own))
            return [again.erase([work], archive, ledger, each) for each in wanted]
    finally:
        client.close()
