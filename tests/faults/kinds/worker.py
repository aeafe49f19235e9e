"""Workers that die, sleep, stop, come and go."""

from clickhouse.columns import DEDUPLICATION_WINDOW
from tests.faults import way
from tests.faults.kinds.kind import End, Fault, kind, nothing
from tests.faults.site import AGE, SETTLE, STEPS, Site
from tests.faults.versions import RENAMED
from tests.support.waiting import PAUSE, until

AGED = (AGE + SETTLE, 1.6 * AGE)
SESSION = 6.0
"""Seconds after which the group takes a silent worker out; the broker takes no shorter session."""
UNDER_WAY = 4.0
"""After so many seconds every shard has a batch under way that ClickHouse cannot take."""
REMEMBERING = "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine_full LIKE '%{window}%'"


@kind("worker", "worker-kill", "SIGKILL of one worker; it is started again", (0, 4))
def kill(site: Site, fault: Fault) -> End:
    """The others have its shards after its session, or it has them again."""
    worker = site.pick(fault.pick).worker
    worker.kill()
    return worker.start


@kind("worker", "worker-kill-all", "SIGKILL of all workers at once; they are started again", (0, 3))
def kill_all(site: Site, _: Fault) -> End:
    """Nobody is left who knows what was in flight."""
    workers = [hand.worker for hand in site.hands]
    for worker in workers:
        worker.kill()
    return lambda: [worker.start() for worker in workers]


@kind(
    "worker",
    "workers-beyond-age",
    "SIGKILL of all workers; started once batches have aged",
    AGED,
    short_age=True,
    long=True,
)
def beyond_age(site: Site, fault: Fault) -> End:
    """Whatever was in flight is counted, not inserted again."""
    return kill_all(site, fault)


@kind(
    "worker",
    "workers-beyond-window",
    "SIGKILL of all workers; started once batches have aged and ClickHouse has forgotten every token",
    AGED,
    short_age=True,
    long=True,
)
def beyond_window(site: Site, fault: Fault) -> End:
    """A token used now would insert again what is there."""
    start = kill_all(site, fault)

    def end() -> None:
        window = "non_replicated_deduplication_window"
        for (table,) in site.ask(REMEMBERING.format(window=window)):
            for parts in (0, DEDUPLICATION_WINDOW):
                site.command(f"ALTER TABLE {table} MODIFY SETTING {window} = {parts}")
        start()

    return end


@kind(
    "worker",
    "idle-then-moved",
    "nothing is sent until the last batches have aged; a worker is killed",
    AGED,
    short_age=True,
    long=True,
)
def idle(site: Site, fault: Fault) -> End:
    """Its shards, which are not closed, go to the others or come back to it."""
    site.cease()

    def end() -> None:
        worker = site.pick(fault.pick).worker
        worker.kill()
        worker.start()
        site.send()

    return end


@kind(
    "worker",
    "superseded-by-two",
    "two workers that both believe a shard theirs supersede its aged batch at once",
    (SETTLE - 1, SETTLE + 4),
    short_age=True,
    long=True,
)
def superseded_by_two(site: Site, fault: Fault) -> End:
    """ClickHouse is away until batches under way have aged; meanwhile one worker is cut off from the group.

    Both count what is there once the settling time has passed. What the one appends is passed on at the end.
    """
    accept = way.away([hand.clickhouse for hand in site.hands])
    PAUSE.wait(UNDER_WAY)
    passes = way.held_back([site.pick(fault.pick).kafka])
    PAUSE.wait(AGE)
    accept()
    return passes


@kind(
    "worker",
    "worker-other-version",
    "SIGKILL of one worker; it comes back as another version, beside the others",
    (0, 4),
)
def other_version(site: Site, fault: Fault) -> End:
    """A token of one version is not used by another where only some rows are there."""
    worker = site.pick(fault.pick).worker
    worker.kill()
    return lambda: worker.start(site.version(RENAMED))


@kind("worker", "worker-clock", "the clock of a worker jumps by hours, on or back", (5, 12), long=True, tool="faketime")
def clock(site: Site, fault: Fault) -> End:
    """No clock of a worker decides anything."""
    worker = site.pick(fault.pick).worker
    hours = (-7, -1, 1, 7)[int(fault.pick * 1000) % 4]
    site.stop(worker)
    worker.start(**site.clock(0))
    site.wait_moving()
    site.clock(hours)

    def end() -> None:
        site.stop(worker)
        worker.start()

    return end


@kind("worker", "worker-kill-point", "a worker kills itself at a step of the delivery; it is started again")
def kill_point(site: Site, fault: Fault) -> End:
    """Before or after the intent, the delivery, or an insert; not always the first one."""
    worker = site.pick(fault.pick).worker
    place = STEPS[int(fault.pick * 1000) % len(STEPS)]
    site.stop(worker)
    worker.start(WORKER_KILL_AT=f"{place}:{1 + int(fault.pick * 100) % 3}")

    def end() -> None:
        # A worker that has come to have no shard never gets there.
        until("the worker gets to its step", lambda: not worker.running or site.is_idle(worker), 90)
        site.stop(worker)
        worker.start()

    return end


@kind("worker", "worker-zombie", "SIGSTOP longer than the session, then SIGCONT", (SESSION + 2, SESSION + 9))
def zombie(site: Site, fault: Fault) -> End:
    """It wakes up in the middle of what it did, and believes its shards are still its own."""
    worker = site.pick(fault.pick).worker
    worker.pause()
    return worker.resume


@kind("worker", "worker-pause", "SIGSTOP shorter than the session, then SIGCONT", (0.5, SESSION - 2))
def pause(site: Site, fault: Fault) -> End:
    """Nobody notices."""
    worker = site.pick(fault.pick).worker
    worker.pause()
    return worker.resume


@kind("worker", "worker-restart", "SIGTERM, and a start", (0, 3))
def restart(site: Site, fault: Fault) -> End:
    """It closes its shards first; nothing is left to deliver again."""
    worker = site.pick(fault.pick).worker
    site.stop(worker)
    return worker.start


@kind("worker", "rolling-restart", "every worker in turn: SIGTERM, a start, and on once all shards move", long=True)
def rolling(site: Site, _: Fault) -> End:
    """As a deployment does it."""
    for hand in list(site.hands):
        site.stop(hand.worker)
        hand.worker.start()
        site.wait_moving()
    return nothing


@kind("worker", "scale-up", "one more worker", workers=(1, 3), change=1)
def scale_up(site: Site, _: Fault) -> End:
    """Shards move to it."""
    site.hire()
    return nothing


@kind("worker", "scale-down", "one worker less (SIGTERM)", workers=(2, 4), change=-1)
def scale_down(site: Site, fault: Fault) -> End:
    """Its shards move to the others."""
    hand = site.pick(fault.pick)
    site.dismiss(hand)
    return nothing
