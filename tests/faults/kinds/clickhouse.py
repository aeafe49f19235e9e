"""ClickHouse killed, hung, slow, away, without room, or cutting the connection after it took an insert."""

import os
import signal
from collections.abc import Sequence

from clickhouse.columns import FAMILIES
from clickhouse.rollups import TARGETS
from deploy.local.clickhouse.config import Limits
from tests.faults import disk, way
from tests.faults.kinds.kind import End, Fault, kind
from tests.faults.kinds.worker import AGED, UNDER_WAY
from tests.faults.site import Site
from tests.support.found import RAW
from tests.support.waiting import PAUSE, until

LEAST_FREE = "min_free_disk_bytes_to_perform_insert"
MORE_THAN_ANY_DISK = 1 << 60


@kind("clickhouse", "clickhouse-kill", "kill -9; its supervisor starts it again")
def kill(site: Site, _: Fault) -> End:
    """Inserts end in the middle of anything."""
    restarts = site.clickhouse.restarts
    os.kill(site.clickhouse.pid, signal.SIGKILL)
    return lambda: until("ClickHouse answers again", lambda: site.clickhouse.restarts > restarts, 90)


@kind("clickhouse", "clickhouse-pause", "SIGSTOP: it takes connections and answers nothing", (2, 12))
def pause(site: Site, _: Fault) -> End:
    """Every try ends with an unknown outcome."""
    pid = site.clickhouse.pid
    os.kill(pid, signal.SIGSTOP)
    return lambda: os.kill(pid, signal.SIGCONT)


@kind("clickhouse", "clickhouse-refuses", "no worker gets a connection", (2, 10))
def refuse(site: Site, _: Fault) -> End:
    """What is open is cut."""
    return way.away([hand.clickhouse for hand in site.hands])


@kind("clickhouse", "clickhouse-refuses-one", "one worker gets no connection", (2, 10))
def refuse_one(site: Site, fault: Fault) -> End:
    """The others go on."""
    return way.away([site.pick(fault.pick).clickhouse])


@kind("clickhouse", "clickhouse-beyond-age", "no connection until batches have aged", AGED, short_age=True, long=True)
def beyond_age(site: Site, _: Fault) -> End:
    """Tokens are no longer to be used: the rows are counted, and superseded."""
    return way.away([hand.clickhouse for hand in site.hands])


@kind("clickhouse", "clickhouse-cuts", "the connection is cut after the insert was taken, before the answer", (4, 8))
def swallow(site: Site, fault: Fault) -> End:
    """The outcome of one to four inserts of each worker is unknown."""
    return way.swallowing([hand.clickhouse for hand in site.hands], 1 + int(fault.pick * 4))


@kind("clickhouse", "clickhouse-slow", "everything that is sent to it comes late", (4, 10))
def slow(site: Site, fault: Fault) -> End:
    """By up to a second a piece."""
    return way.late([hand.clickhouse for hand in site.hands], 0.1 + 0.9 * fault.pick)


@kind("clickhouse", "clickhouse-stalls", "what is sent to it is held back, amid inserts, and comes late", (2, 12))
def stall(site: Site, _: Fault) -> End:
    """Longer than a worker waits for an answer, sometimes."""
    return way.held_back([hand.clickhouse for hand in site.hands])


@kind(
    "clickhouse",
    "clickhouse-stalls-body",
    "it gets the head of inserts and a byte, and the rest up to half a minute later",
    (8, 28),
)
def stall_body(site: Site, fault: Fault) -> End:
    """The workers have given up by then, and some of the batches have aged."""
    return way.stalling([hand.clickhouse for hand in site.hands], 1 + int(fault.pick * 3))


@kind(
    "clickhouse",
    "clickhouse-disk-full",
    "it refuses inserts for want of room: into all tables, the raw ones, or one that views fill",
    (4, 12),
)
def disk_full(site: Site, fault: Fault) -> End:
    """As `keep_free_space_bytes` does for a disk, but in the middle of anything, and for each table by itself."""
    choices = [_all_tables(site), RAW, [_target(fault)]]
    return _without_room(site, choices[int(fault.pick * 1000) % len(choices)])


@kind(
    "clickhouse",
    "clickhouse-half-beyond-age",
    "a view finds no room; then no connection until batches have aged",
    AGED,
    short_age=True,
    long=True,
)
def half_beyond_age(site: Site, fault: Fault) -> End:
    """The raw rows of batches are there, and of one table that views fill they lack."""
    room = _without_room(site, [_target(fault)])
    PAUSE.wait(UNDER_WAY)
    accept = way.away([hand.clickhouse for hand in site.hands])

    def end() -> None:
        room()
        accept()

    return end


@kind(
    "clickhouse",
    "clickhouse-no-space",
    "the file system of its data is full but for less than `keep_free_space_bytes`",
    (3, 10),
    own_disk=True,
)
def no_space(site: Site, fault: Fault) -> End:
    """What is under way still finds room, inserts and merges that begin do not."""
    folder = site.home / "clickhouse"
    disk.leave(folder, int((0.5 + 0.4 * fault.pick) * Limits().keep_free_bytes))
    return lambda: disk.enlarge(folder)


def _without_room(site: Site, tables: Sequence[str]) -> End:
    """Let these tables take no insert."""
    for table in tables:
        site.command(f"ALTER TABLE {table} MODIFY SETTING {LEAST_FREE} = {MORE_THAN_ANY_DISK}")

    def end() -> None:
        for table in tables:
            site.command(f"ALTER TABLE {table} RESET SETTING {LEAST_FREE}")

    return end


def _all_tables(site: Site) -> list[str]:
    """Every table that rows are kept in."""
    sql = "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree'"
    return [name for (name,) in site.ask(sql)]


def _target(fault: Fault) -> str:
    """One of the tables that views of both raw tables fill."""
    names = [*TARGETS, *(family.name for family in FAMILIES)]
    return names[int(fault.pick * len(names))]
