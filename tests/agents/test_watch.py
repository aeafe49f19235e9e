"""Alerts over live windows, from events to the alert topic: one worker judges, and another goes on where it stopped."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from redis.asyncio import Redis

from agents.alerts import Alerts
from agents.watch import Watch, observations
from streams.alerts import Alert, Rule
from streams.alerts.alert import Status
from streams.settings import Settings
from tables.declared import declared
from tables.live import Live
from tables.query import Query
from tests.support.feed import pipeline, produce
from tests.support.store import Answers, exactly
from tests.support.waiting import eventually
from tests.support.wire import event

FAILING = Rule(
    name="payments-failing", window="rides.payments.1m", measure="failed", above=5, recover=2, summary="{value} failed"
)


@pytest.fixture
def windows() -> bool:
    """Alerts look at them."""
    return True


class Told:
    """What a receiver heard."""

    def __init__(self) -> None:
        self.alerts: list[Alert] = []

    async def send(self, alert: Alert) -> None:
        """Remember it."""
        self.alerts.append(alert)


@pytest.fixture
async def redis(settings: Settings) -> AsyncIterator[Redis]:
    """The stack's Redis."""
    client = Redis.from_url(settings.redis_url or "")
    yield client
    await client.aclose()


def watch_of(redis: Redis, settings: Settings, told: Told, lease_seconds: float = 30) -> Watch:
    """One worker's watch."""
    live = Live(redis, settings.kafka_group, declared, expected=settings.kafka_partitions, cache_seconds=0)

    def make(saved: dict[str, Any] | None) -> Alerts:
        return Alerts([FAILING], told.send, None, saved)

    return Watch(live, redis, settings.kafka_group, [FAILING], make, lease_seconds)


def quick(settings: Settings) -> Settings:
    """Windows that close as soon as their time is over."""
    return settings.model_copy(
        update={"watermark_idle_seconds": 0.3, "watermark_disorder_seconds": 0.1, "live_publish_seconds": 0.1}
    )


async def test_failing_payments_are_told_once_and_by_one_worker(ready: Settings, ask: Answers, redis: Redis) -> None:
    one, other = Told(), Told()
    records = []
    for number in range(20):
        topic, value = event("payment.failed", number, ago=90)
        records.append((topic, number % 2, value))
    async with pipeline(quick(ready)):
        await produce(ready, records)
        await exactly(ask, 20)
        first, second = watch_of(redis, ready, one), watch_of(redis, ready, other)

        async def heard() -> bool:
            await first.look()
            await second.look()
            return bool(one.alerts)

        await eventually("the alert is told", heard)
        # The window may have closed on the shard that heard first; what came after corrects it.
        first_told = one.alerts[0]
        assert (first_told.rule, first_told.status) == ("payments-failing", Status.FIRING)
        assert first_told.value in (10, 20)
        assert other.alerts == []
        await redis.delete(f"{ready.kafka_group}:live:alerts:lease")  # the first worker is gone
        ids = {alert.id for alert in one.alerts if alert.status is Status.FIRING}
        await second.look()
        assert not {alert.id for alert in other.alerts if alert.status is Status.FIRING} & ids


async def test_one_that_slept_through_its_lease_undoes_nothing(ready: Settings, redis: Redis) -> None:
    saved, lease = (f"{ready.kafka_group}:live:alerts:{name}" for name in ("state", "lease"))
    watch = watch_of(redis, ready, Told())
    await watch.look()
    assert await redis.get(saved)

    sleeping = watch_of(redis, ready, Told())
    await redis.delete(lease)
    read = sleeping._live.read

    async def slowly(*queries: Query) -> Any:
        found = await read(*queries)
        await redis.set(lease, "another")
        await redis.set(saved, "what it has judged")
        return found

    sleeping._live.read = slowly  # type: ignore[method-assign]  # the moment at which it sleeps
    await sleeping.look()
    assert await redis.get(saved) == b"what it has judged"


async def test_silence_counts_only_where_the_domain_is_used(ready: Settings, ask: Answers, redis: Redis) -> None:
    topic, value = event("payment.failed", 1)
    live = Live(redis, ready.kafka_group, declared, expected=2, cache_seconds=0)
    windows = [declared.windows[name] for name in ("rides.bookings.1m", "ticketing.sales.1m")]

    async def silent() -> bool:
        view = await live.read(*(Query(window.name, last=15) for window in windows))
        zeros = {(each.window, each.measure) for each in observations(view, windows) if each.known == 0}
        assert not any(window.startswith("ticketing") for window, _ in zeros)
        return ("rides.bookings.1m", "created") in zeros

    async with pipeline(quick(ready)):
        await produce(ready, [(topic, 0, value)])
        await exactly(ask, 1)
        await eventually("rides are known to be silent", silent)
    await redis.delete(*[name async for name in redis.scan_iter(f"{ready.kafka_group}:live:*")])
    async with pipeline(quick(ready)):  # to which nothing comes
        await eventually("rides are known to be silent after a restart as well", silent)


async def test_a_counted_batch_is_published_at_once(ready: Settings, redis: Redis) -> None:
    rare = ready.model_copy(update={"live_publish_seconds": 3600})
    live = Live(redis, rare.kafka_group, declared, expected=2, cache_seconds=0)
    topic, value = event("payment.failed", 1)

    async def published() -> bool:
        view = await live.read(Query("rides.payments.1m", last=3))  # a minute may end before it is told
        return any(row.values["failed"] for row in view.rows[0])

    async with pipeline(rare):
        await produce(rare, [(topic, 0, value)])
        await eventually("the failed payment is told", published)
