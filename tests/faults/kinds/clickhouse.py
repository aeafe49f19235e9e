"""ClickHouse killed, hung, slow, away, or cutting the connection after it took an insert."""

import os
import signal

from tests.faults import way
from tests.faults.kinds.kind import End, Fault, kind
from tests.faults.kinds.worker import AGED
from tests.faults.site import Site
from tests.support.waiting import until


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


@kind("clickhouse", "clickhouse-beyond-age", "no connection until batches have aged", AGED, short_age=True)
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
