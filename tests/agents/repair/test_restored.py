"""A backup taken under a running stream, the database lost, and brought back: shards go on, every event has one row."""

import asyncio
import secrets
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

from agents.repair.restored import Asked, bring_back
from clickhouse.backup import folder as files
from clickhouse.backup import manifest as manifests
from clickhouse.backup.manifest import Manifest
from clickhouse.backup.take import Place, take
from clickhouse.client import connect
from clickhouse.erasure import beside
from clickhouse.erasure.beside import Erased
from clickhouse.feeds import targets
from clickhouse.quiet import Patience
from clickhouse.reconcile import reconcile
from streams.errors import ConfigurationError
from streams.persons import Pseudonyms
from streams.settings import Settings
from streams.version import VERSION
from tests.agents.repair.test_repair import last_record
from tests.support.feed import pipeline, produce
from tests.support.store import Answers, exactly
from tests.support.wire import event, mixed

pytestmark = pytest.mark.slow

GONE = Asked(replace=True, workers_gone=True, skip_lost=False, actor="tests")
PATIENCE = Patience(closed=0.5, silent=60.0)


@pytest.fixture
def rollups() -> bool:
    """A backup has them too."""
    return True


@pytest.fixture
def backups(stack_settings: Settings) -> Iterator[Path]:
    """A folder of this test that the stack's ClickHouse may write to."""
    assert stack_settings.backup_folder is not None
    folder = Path(stack_settings.backup_folder) / secrets.token_hex(4)
    folder.mkdir(parents=True)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


async def taken(settings: Settings, folder: Path) -> Manifest:
    """A backup, as `millrace backup create` takes it."""
    place = Place(folder, manifests.now())
    (folder / place.id).mkdir()
    client = await connect(settings)
    copy = await take(client, settings.clickhouse_database, place, PATIENCE, lambda _: None)
    await client.close()
    made = Manifest(place.id, VERSION, 0.0, files.listed(folder / place.id), clickhouse=copy)
    manifests.save(folder, made)
    return made


async def produce_slowly(settings: Settings) -> None:
    """200 events in five portions."""
    for first in range(100, 300, 40):
        await produce(settings, mixed(40, first=first))
        await asyncio.sleep(0.5)


async def differing(settings: Settings) -> list[str]:
    """Rollups and family tables that are not what the raw rows say."""
    client = await connect(settings)
    found = await reconcile(client, list((await targets(client)).values()), lambda _: True, lambda *_: None)
    await client.close()
    return [each.target.name for each in found if each.days]


@pytest.mark.long
async def test_what_came_after_the_backup_is_read_again(ready: Settings, ask: Answers, backups: Path) -> None:
    own = ready.model_copy(update={"kafka_forgets": False})
    bad = [("rides.trip", n % 2, b"bad %d" % n) for n in range(6)]
    async with pipeline(own):
        await produce(own, [*mixed(100), *bad[:3]])
        await exactly(ask, 100)
        # Under the stream: some of this is in the backup, and some is not.
        stream = asyncio.create_task(produce_slowly(own))
        made = await taken(own, backups)
        await stream
        await produce(own, bad[3:])
        await exactly(ask, 300)
    assert made.clickhouse is not None
    rows = {table.name: table.rows for table in made.clickhouse.tables}
    assert 100 <= rows["events_raw"] + rows["events"] <= 300
    last = [(await last_record(own, shard)).seq for shard in (0, 1)]
    await ask.client.command(f"DROP DATABASE {own.clickhouse_database} SYNC")
    back = await bring_back(own, made, Place(backups, made.id), GONE, lambda _: None)
    assert back.shards == {"0": last[0] + 1, "1": last[1] + 1}
    async with pipeline(own):
        await exactly(ask, 300)
        await produce(own, mixed(50, first=300))
        await exactly(ask, 350)
    assert await ask.count("dead_letters") == len(bad)
    assert await ask.one("SELECT uniqExact(topic, partition, offset) FROM dead_letters") == len(bad)
    assert await differing(own) == []


KEY = "a key for tests only"
SOMEONE = "person-7"


def bookings(first: int) -> list[tuple[str, int, bytes | None]]:
    """Ten bookings of SOMEONE and ten of another."""
    people = (SOMEONE, "person-77")
    made = [event("booking.created", n, user_id=people[n % 2]) for n in range(first, first + 20)]
    return [(topic, 0, value) for topic, value in made]


@pytest.mark.long
async def test_who_was_erased_after_the_backup_is_erased_again(ready: Settings, ask: Answers, backups: Path) -> None:
    """The backup has rows of a person, Kafka gives later events again: neither brings the person back."""
    own = ready.model_copy(update={"kafka_forgets": False, "erasure_key": SecretStr(KEY)})
    async with pipeline(own, [0]):
        await produce(own, bookings(0))
        await exactly(ask, 20)
        made = await taken(own, backups)
        await produce(own, bookings(100))
        await exactly(ask, 40)
    names = Pseudonyms(KEY)
    beside.note(backups, Erased(names.of(SOMEONE), "", names.fingerprint, "e", datetime.now(UTC)))
    await ask.client.command(f"DROP DATABASE {own.clickhouse_database} SYNC")
    place = Place(backups, made.id)

    for key in (None, SecretStr("another key for tests")):
        with pytest.raises(ConfigurationError, match="ERASURE_KEY"):
            await bring_back(own.model_copy(update={"erasure_key": key}), made, place, GONE, lambda _: None)
    # Without --replace: nothing may stand there yet.
    back = await bring_back(own, made, place, Asked(False, True, False, "tests"), lambda _: None)

    [receipt] = back.erased_again
    assert (receipt.pseudonym, receipt.state) == (names.of(SOMEONE), "erased")
    assert {each.where: each.rows for each in receipt.places}["events_raw"] == 10
    async with pipeline(own, [0]):
        await exactly(ask, 20)
    assert await ask.rows("SELECT DISTINCT user_id FROM events_raw") == [("person-77",)]
    assert await ask.rows("SELECT DISTINCT user_id FROM booking_events") == [("person-77",)]
