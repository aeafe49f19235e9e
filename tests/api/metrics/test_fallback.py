"""While ClickHouse is away the last answers come from PostgreSQL, with their age, whether Redis is there or not."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import aiohttp
import pytest
import redis.asyncio as redis
from pydantic import SecretStr

from api.metrics import cache as caching
from api.metrics import fallback as falling_back
from api.metrics import models
from api.metrics.cache import AnswerCache
from api.metrics.fallback import Fallback
from metadata.answers import Answers
from metadata.session import connect
from streams.errors import SinkUnavailable
from streams.settings import Settings
from tests.api.metrics.test_cache import AT, MINUTE, Maker
from tests.api.metrics.test_metrics import span
from tests.support.clock import Clock
from tests.support.live import cut_off, served
from tests.support.metric_client import Asking
from tests.support.metric_world import World

QUESTION: list[Any] = ["q"]
LATER = AT + timedelta(hours=1)
"""When Redis has nothing of it any more."""


@pytest.fixture
def maker() -> Maker:
    return Maker()


@pytest.fixture
async def answers(metadata_url: str) -> AsyncIterator[Answers]:
    settings = Settings(database_url=SecretStr(metadata_url))
    engine = connect(settings)
    yield Answers(engine, settings)
    await engine.dispose()


def over(answers: Answers, clock: Clock) -> Fallback:
    return Fallback(answers, "test", seconds=3600, most_bytes=1000, clock=clock)


@pytest.mark.parametrize("is_redis_away", [False, True])
async def test_the_last_answer_is_served_with_its_age(
    is_redis_away: bool, redis_url: str, answers: Answers, clock: Clock, maker: Maker
) -> None:
    with cut_off(redis_url) as (url, proxy):
        client = redis.Redis.from_url(url)
        if is_redis_away:
            proxy.refuse()
        first = over(answers, clock)
        cache = AnswerCache(client, f"test-{secrets.token_hex(6)}", first)
        assert (await cache.get(QUESTION, AT, MINUTE, maker))[0] == {"number": 1}
        await first.write()
        clock.now += timedelta(seconds=90)
        maker.error = SinkUnavailable("away")

        # Another process, which has made nothing itself.
        other = AnswerCache(client, f"test-{secrets.token_hex(6)}", over(answers, clock))
        served_once = {"number": 1, "age_seconds": 90.0}
        assert await other.get(QUESTION, LATER, MINUTE, maker) == (served_once, "fallback")
        assert await other.last(QUESTION) == (served_once, "fallback")
        with pytest.raises(SinkUnavailable):
            await other.get(["another"], LATER, MINUTE, maker)

        clock.now += timedelta(hours=1)
        with pytest.raises(SinkUnavailable):
            await other.get(QUESTION, LATER, MINUTE, maker)
        await client.aclose()


async def test_an_answer_that_takes_too_long_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, redis_url: str, answers: Answers, clock: Clock, maker: Maker
) -> None:
    client = redis.Redis.from_url(redis_url)
    kept = over(answers, clock)
    cache = AnswerCache(client, f"test-{secrets.token_hex(6)}", kept)
    await cache.get(QUESTION, AT, MINUTE, maker)
    monkeypatch.setattr(caching, "PATIENCE_SECONDS", 0.05)
    maker.go.clear()

    assert (await cache.get(QUESTION, LATER, MINUTE, maker))[1] == "fallback"
    # For a moment nobody tries; then it is made again, and what was begun is shared.
    looked, find = asyncio.Event(), kept.find

    async def seen(question: list[Any]) -> Any:
        found = await find(question)
        if time.monotonic() - began > caching.PATIENCE_SECONDS:
            looked.set()
        return found

    monkeypatch.setattr(kept, "find", seen)
    began = time.monotonic()
    asked = asyncio.create_task(cache.get(["another"], LATER, MINUTE, maker))
    await looked.wait()
    maker.go.set()
    assert (await asked)[1] == "miss"
    cache._store_away_until = 0.0
    assert (await cache.get(QUESTION, LATER, MINUTE, maker))[0]["number"] in (2, 3)
    await client.aclose()


async def test_writing_never_keeps_an_answer_waiting(
    monkeypatch: pytest.MonkeyPatch, metadata_url: str, clock: Clock
) -> None:
    monkeypatch.setattr(falling_back, "WAITING", 3)
    with cut_off(metadata_url) as (url, proxy):
        settings = Settings(database_url=SecretStr(url))
        engine = connect(settings)
        kept = Fallback(Answers(engine, settings), "test", seconds=3600, most_bytes=1000, clock=clock)
        proxy.refuse()
        for number in range(5):
            kept.keep([number], b"%d" % number)
        kept.keep(["long"], b"x" * (falling_back.LONGEST + 1))
        await kept.write()
        assert await kept.find([1]) is None
        assert (await kept.find([4]) or (b"",))[0] == b"4"

        proxy.accept()
        await kept.write()
        other = Fallback(Answers(engine, settings), "test", seconds=3600, most_bytes=1000, clock=clock)
        found = [await other.find([number]) for number in range(5)]
        assert [each and each.body for each in found] == [None, None, b"2", b"3", b"4"]
        assert await other.find(["long"]) is None
        await engine.dispose()


async def test_a_web_process_serves_them_while_clickhouse_is_away(
    asking: Asking, metric_settings: Settings, metric_world: World
) -> None:
    assert metric_settings.clickhouse_url
    path = f"/v1/metrics/payments?{span(metric_world)}&metric=refunds"
    group = f"test-{secrets.token_hex(6)}"
    with cut_off(metric_settings.clickhouse_url) as (url, proxy):
        settings = metric_settings.model_copy(update={"clickhouse_url": url, "kafka_group": group})
        async with aiohttp.ClientSession() as http:
            with served(settings) as (place, _):
                first = await Asking(place, asking.key, http).get(path)
            proxy.refuse()
            client = redis.Redis.from_url(str(settings.redis_url))
            await client.delete(*[key async for key in client.scan_iter(f"{group}:metrics:*")])
            await client.aclose()
            with served(settings) as (place, _):
                client_again = Asking(place, asking.key, http)
                old = await client_again.get(path, headers={"If-None-Match": "other"})
                unchanged = await client_again.get(path, headers={"If-None-Match": first.headers["ETag"]})
                unknown = await client_again.get(f"{path}&by=pickup_zone")
                counted = await client_again.counted("fallback")

    assert (first.status, old.status, unchanged.status, unknown.status) == (200, 200, 304, 503)
    models.MetricsAnswer.model_validate(old.content)
    (now,), (then,) = old.content["metrics"], first.content["metrics"]
    assert (then.pop("cache"), now.pop("cache")) == ("miss", "fallback")
    assert 0 <= now.pop("age_seconds") < 60
    assert now == then
    assert counted >= 2
