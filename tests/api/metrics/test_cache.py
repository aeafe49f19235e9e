"""Answers are kept by question and watermark, made once however many ask, and made slower while Redis is away."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis.asyncio as redis

from api.metrics import cache as caching
from api.metrics.cache import AnswerCache, Content, Watermarks
from api.metrics.service import kept
from clickhouse.metrics import catalogue
from clickhouse.metrics.question import ask
from streams.errors import QueryRefused, SinkUnavailable
from streams.settings import Settings
from tests.api.metrics.test_metrics import span
from tests.support.live import cut_off
from tests.support.metric_client import Asking
from tests.support.metric_world import World
from tests.support.waiting import eventually

AT = datetime(2026, 5, 20, 12, tzinfo=UTC)
MINUTE = 60.0


class Maker:
    """Makes answers, and counts them."""

    def __init__(self) -> None:
        self.made = 0
        self.go = asyncio.Event()
        self.go.set()
        self.error: Exception | None = None

    async def __call__(self) -> Content:
        """The next one."""
        await self.go.wait()
        if self.error is not None:
            raise self.error
        self.made += 1
        return {"number": self.made}


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[redis.Redis]:
    """Redis."""
    found = redis.Redis.from_url(redis_url)
    yield found
    await found.aclose()


@pytest.fixture
def cache(client: redis.Redis) -> AnswerCache:
    """A cache that nobody else has."""
    return AnswerCache(client, f"test-{secrets.token_hex(6)}")


async def test_an_answer_is_kept_until_the_data_moves_on(cache: AnswerCache) -> None:
    maker = Maker()
    question: list[Any] = ["q"]

    assert await cache.get(question, AT, MINUTE, maker) == ({"number": 1}, "miss")
    assert await cache.get(question, AT + timedelta(seconds=59), MINUTE, maker) == ({"number": 1}, "hit")
    assert await cache.get(["other"], AT, MINUTE, maker) == ({"number": 2}, "miss")
    # A minute later the old one is served, and a new one made beside.
    assert await cache.get(question, AT + timedelta(seconds=60), MINUTE, maker) == ({"number": 1}, "stale")

    async def fresh() -> bool:
        return await cache.get(question, AT + timedelta(seconds=60), MINUTE, maker) == ({"number": 3}, "hit")

    await eventually("the new answer", fresh)
    assert await cache.get(question, AT + timedelta(hours=1), MINUTE, maker) == ({"number": 4}, "miss")


async def test_many_who_ask_the_same_make_one_answer(
    monkeypatch: pytest.MonkeyPatch, cache: AnswerCache, client: redis.Redis
) -> None:
    for name in ("ANSWER_SECONDS", "WAIT_SECONDS", "LOCK_SECONDS"):
        monkeypatch.setattr(caching, name, 60)  # however slow Redis and the machine are
    maker = Maker()
    maker.go.clear()
    other = AnswerCache(client, cache._prefix.removesuffix(":metrics:"))  # another process
    asked = [asyncio.create_task(each.get(["q"], AT, MINUTE, maker)) for each in (cache, other) for _ in range(10)]
    await asyncio.sleep(0)
    maker.go.set()

    found = await asyncio.gather(*asked)

    assert maker.made == 1
    assert [content for content, _ in found] == [{"number": 1}] * 20
    assert sorted(how for _, how in found) == ["miss"] * 2 + ["shared"] * 18


async def test_an_error_is_told_to_all_and_kept_by_nobody(cache: AnswerCache) -> None:
    maker = Maker()
    maker.error = QueryRefused("no", code="x", value="", hint="")

    for _ in range(2):
        with pytest.raises(QueryRefused):
            await cache.get(["q"], AT, MINUTE, maker)
    maker.error = None
    assert await cache.get(["q"], AT, MINUTE, maker) == ({"number": 1}, "miss")
    # While the store is away the answer before is served.
    maker.error = SinkUnavailable("away")
    assert await cache.get(["q"], AT + timedelta(seconds=60), MINUTE, maker) == ({"number": 1}, "stale")


async def test_while_redis_is_away_answers_are_made(redis_url: str) -> None:
    maker = Maker()
    with cut_off(redis_url) as (url, proxy):
        own = redis.Redis.from_url(url)
        cache = AnswerCache(own, f"test-{secrets.token_hex(6)}")

        async def kept() -> bool:
            return (await cache.get(["q"], AT, MINUTE, maker))[1] == "hit"

        await eventually("an answer is kept", kept)
        made = maker.made
        proxy.refuse()
        assert await cache.get(["q"], AT, MINUTE, maker) == ({"number": made + 1}, "off")
        assert await cache.get(["q"], AT, MINUTE, maker) == ({"number": made + 2}, "off")
        await own.aclose()


async def test_no_time_keeps_nothing(cache: AnswerCache) -> None:
    maker = Maker()

    assert [await cache.get(["q"], AT, 0, maker) for _ in range(2)] == [({"number": 1}, "off"), ({"number": 2}, "off")]


async def test_the_last_watermark_holds_while_clickhouse_is_away() -> None:
    answers: list[datetime | Exception] = [SinkUnavailable("away"), AT, SinkUnavailable("away")]

    async def look(_: str) -> datetime | None:
        found = answers.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    watermarks = Watermarks(look, seconds=0)
    with pytest.raises(SinkUnavailable):
        await watermarks.of("rides")
    assert await watermarks.of("rides") == AT
    assert await watermarks.of("rides") == AT


@pytest.mark.parametrize(
    ("name", "end", "seconds"),
    [
        ("rides.gross_revenue", "2026-05-20", 1800),
        ("rides.booking_conversion", "2026-05-20", 300),
        ("rides.gross_revenue", "2026-05-20T11:50:00Z", 15),
        ("rides.gross_revenue", "", 15),
    ],
)
def test_closed_periods_are_kept_for_longer(name: str, end: str, seconds: float) -> None:
    question = ask(catalogue.BY_NAME[name], begin="2026-05-01", end=end, zone="UTC", now=AT)

    assert kept(Settings(), question, AT) == seconds


async def test_the_second_request_is_answered_by_the_cache(asking: Asking, metric_world: World) -> None:
    words = f"{span(metric_world)}&metric=orders&by=organizer_id&limit={secrets.randbelow(900) + 50}"
    hits = await asking.counted("hit")
    first, second = [await asking.metrics("organizers", words) for _ in range(2)]

    assert [each["metrics"][0].pop("cache") for each in (first, second)] == ["miss", "hit"]
    assert first == second
    assert await asking.counted("hit") == hits + 1
