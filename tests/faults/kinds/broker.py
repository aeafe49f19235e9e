"""Apache Kafka killed, hung, slow, cut off, or delivering an append late."""

from tests.faults import way
from tests.faults.kinds.kind import End, Fault, kind, nothing
from tests.faults.kinds.worker import SESSION
from tests.faults.site import Site
from tests.support.proxy import Proxy

LONGER = (SESSION + 2, SESSION + 8)


@kind("broker", "broker-kill", "kill -9, and a start on its data", (0, 4))
def kill(site: Site, _: Fault) -> End:
    """Producer and workers wait."""
    site.kafka.kill()
    return site.kafka.start


@kind("broker", "broker-pause", "SIGSTOP: it takes connections and answers nothing", (2, 12))
def pause(site: Site, _: Fault) -> End:
    """When it wakes up, it takes every session for expired."""
    site.kafka.pause()
    return site.kafka.resume


@kind("broker", "broker-cut", "every connection of every worker is closed")
def cut(site: Site, _: Fault) -> End:
    """Appends in flight have an unknown outcome."""
    for hand in site.hands:
        hand.kafka.do(Proxy.cut)
    return nothing


@kind("broker", "broker-refuses-one", "one worker gets no connection for longer than its session", LONGER)
def refuse_one(site: Site, fault: Fault) -> End:
    """It still reaches ClickHouse, and the others take its shards."""
    return way.away([site.pick(fault.pick).kafka])


@kind("broker", "broker-late-append", "what one worker sends is held back beyond its session, and comes late", LONGER)
def late_append(site: Site, fault: Fault) -> End:
    """Its intent arrives after that of whoever took the shard."""
    return way.held_back([site.pick(fault.pick).kafka])


@kind("broker", "broker-cuts", "the connection is cut after an append was taken, before the answer", (3, 6))
def swallow(site: Site, fault: Fault) -> End:
    """Nobody knows whether the intent stands in the log."""
    return way.swallowing([hand.kafka for hand in site.hands], 1 + int(fault.pick * 3))


@kind("broker", "broker-slow", "everything that workers send to it comes late", (4, 10))
def slow(site: Site, fault: Fault) -> End:
    """By up to half a second a piece."""
    return way.late([hand.kafka for hand in site.hands], 0.05 + 0.45 * fault.pick)
