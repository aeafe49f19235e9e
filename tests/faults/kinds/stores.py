"""Redis and PostgreSQL gone: the stream must not notice."""

import os
import signal

from tests.faults import way
from tests.faults.kinds.kind import End, Fault, kind
from tests.faults.site import Site
from tests.support.waiting import until


@kind("stores", "redis-refuses", "no worker gets a connection", (2, 10))
def refuse(site: Site, _: Fault) -> End:
    """Live numbers stand still."""
    return way.away([hand.redis for hand in site.hands])


@kind("stores", "redis-kill", "kill -9; its supervisor starts it again")
def kill(site: Site, _: Fault) -> End:
    """It may lose a second of writes."""
    restarts = site.redis.restarts
    os.kill(site.redis.pid, signal.SIGKILL)
    return lambda: until("Redis answers again", lambda: site.redis.restarts > restarts, 60)


@kind("stores", "postgres-kill", "kill -9; its supervisor starts it again. No worker needs it: it must stay so")
def kill_postgres(site: Site, _: Fault) -> End:
    """Keys and reports live there."""
    restarts = site.postgres.restarts
    os.kill(site.postgres.pid, signal.SIGKILL)
    return lambda: until("PostgreSQL answers again", lambda: site.postgres.restarts > restarts, 60)
