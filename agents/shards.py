"""All shards of one worker: which of them are whole (R1), the audit of positions (R3), holds, back-pressure."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial

import structlog
from aiokafka.errors import KafkaError

from agents.gate import LOOK_SECONDS
from agents.live import status_of
from agents.memory import give_back_beside
from agents.outage import Outages
from agents.pressure import Pressure
from agents.shard import Shard
from agents.surroundings import Surroundings
from streams import metrics
from streams.backoff import was_asked_to_end
from streams.batch import Chunk
from streams.errors import MillraceError, SinkUnavailable

log = structlog.get_logger(__name__)

PRESSURE_SECONDS = 10.0
KEEP_SECONDS = 1.0
MEMORY_SECONDS = 60.0
LEAST_SECONDS = 0.125
"""Between two publications: shards count one after the other."""
LEAVE_SECONDS = 10.0
CUT_SECONDS = 1.0
"""What a shard that is cut off may take to end."""

EXPECTED = (MillraceError, KafkaError, RuntimeError, OSError)
"""What a look may end in while a part is away; anything else is a bug, and told with its story."""

Positions = Callable[[Iterable[int]], Awaitable[Mapping[int, Mapping[str, int | None]]]]
"""Tells, per shard and topic, where the group's consumer fetches next."""


def whole(assigned: Iterable[tuple[str, int]], topics: frozenset[str]) -> tuple[set[int], set[int]]:
    """R1: the shards of which every topic's partition is assigned, and those of which only some are.

    >>> whole([("a", 0), ("b", 0), ("a", 1)], frozenset("ab"))
    ({0}, {1})
    """
    parts: dict[int, set[str]] = {}
    for topic, partition in assigned:
        if topic in topics:
            parts.setdefault(partition, set()).add(topic)
    complete = {number for number, names in parts.items() if names == topics}
    return complete, parts.keys() - complete


class Shards:
    """Starts and stops the shards with the group's assignment, and with the holds of maintenance (R10)."""

    def __init__(
        self,
        around: Surroundings,
        positions: Positions,
        pressure: Pressure,
        audit_seconds: float,
        publish_seconds: float,
    ) -> None:
        self.around = around
        self.running: dict[int, Shard] = {}
        self.partial: set[int] = set()
        self.assigned: set[int] = set()
        self._positions = positions
        self._pressure = pressure
        self._audit_seconds = audit_seconds
        self._publish_seconds = publish_seconds
        self._tasks: list[asyncio.Task[None]] = []
        self._leaving: dict[asyncio.Task[None], int] = {}
        """Which shard each lets go."""
        self._stopped = False

    def offer(self, chunk: Chunk) -> None:
        """Hand a chunk to its shard; one of a shard that does not run here is dropped."""
        shard = self.running.get(chunk.partition)
        if shard is not None:
            shard.offer(chunk)

    def start(self) -> None:
        """Begin to watch over positions, holds and parts."""
        watches = {
            "audit": (self._audit_seconds, self.audit_once),
            "holds": (LOOK_SECONDS, self.look_once),
            "closed windows": (KEEP_SECONDS, self.keep_once),
            "parts": (PRESSURE_SECONDS, self._pressure.look),
            "memory": (MEMORY_SECONDS, give_back_beside),
        }
        self._tasks = [asyncio.create_task(every(*watch, name), name=name) for name, watch in watches.items()]
        self._tasks.append(asyncio.create_task(every(0.0, self._publish_next, "windows"), name="windows"))

    async def stop(self, seconds: float) -> None:
        """Close every shard, so that nothing is left to deliver again."""
        self._stopped = True
        for task in self._tasks:
            task.cancel()
        await self.revoke(seconds)

    async def assign(self, assigned: Iterable[tuple[str, int]]) -> None:
        """Run the whole shards of an assignment; hold the others and say so."""
        self.assigned, self.partial = whole(assigned, self.around.topics)
        for number in sorted(self.partial):
            log.warning("shard held: not all of its topics are assigned to this worker", shard=number)
        try:
            await self.look_once()
        except SinkUnavailable:
            pass  # the watch looks again
        except Exception:
            # A worker that is stopped amid an assignment has closed its connections.
            if not self._stopped:
                raise

    async def revoke(self, seconds: float) -> None:
        """Let all shards go, in order; after `seconds` they are cut off, which is safe."""
        self.assigned = set()
        await self._leave(seconds)

    async def look_once(self) -> None:
        """Read the holds; close the shards, or start those that are assigned."""
        gate = self.around.gate
        await gate.look()
        if self._stopped:
            return
        if gate.reason is not None:
            await self._leave(LEAVE_SECONDS)
        # One that is still being let go would clear what its new life has counted; the watch looks again.
        leaving = {number for task, number in self._leaving.items() if not task.done()}
        for number in sorted(self.assigned - self.running.keys() - leaving) if gate.reason is None else ():
            shard = self.running[number] = Shard(number, self.around)
            shard.start()

    async def audit_once(self) -> None:
        """Hold the fetch positions against what the shards hold, and the buffers against their gauge."""
        positions = await self._positions(list(self.running))
        for number, shard in list(self.running.items()):
            shard.audit(positions.get(number, {}))
        metrics.BUFFERED.set(sum(shard.gathered for shard in self.running.values()))

    async def _publish_next(self) -> None:
        """Publish when a batch is counted, or after a while: the watermark moves on, and so does the clock."""
        least = min(self._publish_seconds, LEAST_SECONDS)
        await asyncio.sleep(least)
        with suppress(TimeoutError):
            async with asyncio.timeout(self._publish_seconds - least):
                await self.around.counted.wait()
        self.around.counted.clear()
        await self.publish_once()

    async def publish_once(self) -> None:
        """Move the watermarks, and send the numbers of the windows to Redis."""
        now = await self.around.stores[0].clock.now()
        recovered = self._recovered()
        for shard in recovered:  # all of them, before a Redis that does not answer is waited for
            shard.windows.advance(shard.idle_topics(), now, settled=shard.is_settled)
        await all_of(self._publish(shard, now) for shard in recovered)

    async def _publish(self, shard: Shard, now: int) -> None:
        status = partial(status_of, shard, self.around.flow, now, self.around.page)
        await shard.windows.publish(shard.proposer.last.seq, status)

    async def keep_once(self) -> None:
        """Write the windows that have closed to ClickHouse. Raises SinkUnavailable, once every shard has tried."""
        await all_of(shard.windows.keep(shard.settled) for shard in self._recovered())

    def _recovered(self) -> list[Shard]:
        return [shard for shard in self.running.values() if shard.is_recovered]

    async def _leave(self, seconds: float) -> None:
        """Also waits for shards that are being let go already: a worker that is stopped amid a rebalance must not close
        the connections that these still use.
        """
        shards, self.running = list(self.running.values()), {}
        self._leaving |= {asyncio.create_task(shard.leave(seconds)): shard.number for shard in shards}
        if not self._leaving:
            return
        done, _ = await asyncio.wait(self._leaving, timeout=seconds + CUT_SECONDS)
        for task in done:
            self._leaving.pop(task, None)
            task.result()


async def all_of(works: Iterable[Awaitable[None]]) -> None:
    """Do all of it side by side, then raise what went wrong first, if anything did."""
    for result in await asyncio.gather(*works, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result


async def every(seconds: float, look: Callable[[], Awaitable[None]], name: str) -> None:
    """Look time and again, until cancelled; what goes wrong is tried again, also what should never happen."""
    outages = Outages()
    while True:
        await asyncio.sleep(seconds)
        try:
            await look()
        except asyncio.CancelledError as error:
            if was_asked_to_end():
                raise
            outages.met("could not look", name, at=name, error=repr(error))
        except Exception as error:
            if not isinstance(error, EXPECTED) and not outages.lasts(name):
                log.exception("a look went wrong", at=name)
            outages.met("could not look", name, at=name, error=repr(error))
        else:
            outages.over("looked again", name, at=name)
