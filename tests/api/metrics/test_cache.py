"""Answers are kept by question and watermark, made once however many ask, and made slower while Redis is away."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis.asyncio as redis
from starlette.datastructures import QueryParams

from api.metrics import boards, cursor, freshness, parameters
from api.metrics import cache as caching
from api.metrics.cache import AnswerCache, Content, Watermarks
from api.metrics.freshness import MOST_STEPS, Freshness
from api.metrics.misses import Misses, Reason
from api.metrics.service import kept
from clickhouse.boards import question as board_question
from clickhouse.boards.board import DRIVERS, ROUTES
from clickhouse.metrics import catalogue
from clickhouse.metrics.question import ask
from streams import http_metrics
from streams.errors import QueryRefused, SinkUnavailable
from streams.settings import Settings
from tests.api.metrics.test_metrics import span
from tests.support.live import cut_off
from tests.support.metric_client import Asking
from tests.support.metric_world import World
from tests.support.waiting import eventually

AT = datetime(2026, 5, 20, 12, tzinfo=UTC)
MINUTE = Freshness(60, 60)
RUNNING = freshness.running(Settings())
PEOPLE = freshness.of_people(Settings())


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
async def cache(client: redis.Redis) -> AsyncIterator[AnswerCache]:
    """A cache that nobody else has."""
    found = AnswerCache(client, f"test-{secrets.token_hex(6)}")
    yield found
    await found.stop()


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


async def test_a_board_that_asks_every_thirty_seconds_is_served_what_it_had_made(cache: AnswerCache) -> None:
    maker, found = Maker(), []
    for seconds in range(0, 300, 30):
        found.append(await cache.get(["q"], AT + timedelta(seconds=seconds), RUNNING, maker))
        await asyncio.gather(*cache._making.values())

    assert found == [({"number": 1}, "miss"), *(({"number": number}, "stale") for number in range(1, 10))]
    # Nobody looked for a minute: what was there then is too old to be served.
    assert await cache.get(["q"], AT + timedelta(seconds=345), RUNNING, maker) == ({"number": 11}, "miss")


async def test_of_several_old_answers_the_newest_is_served(cache: AnswerCache) -> None:
    maker = Maker()
    for seconds in (0, 15):
        await cache.get(["q"], AT + timedelta(seconds=seconds), RUNNING, maker)
        await asyncio.gather(*cache._making.values())

    assert await cache.get(["q"], AT + timedelta(seconds=45), RUNNING, maker) == ({"number": 2}, "stale")


@pytest.mark.parametrize(("wanted", "seconds"), [(RUNNING, 60), (PEOPLE, 30), (MINUTE, 120)])
async def test_no_answer_outlives_its_time_even_if_no_data_comes(
    wanted: Freshness, seconds: float, cache: AnswerCache, client: redis.Redis
) -> None:
    await cache.get(["q"], AT, wanted, Maker())

    (key,) = [key async for key in client.scan_iter(f"{cache._prefix}*")]
    assert wanted.life == seconds
    assert seconds - 20 < await client.pttl(key) / 1000 <= seconds


def test_old_answers_are_looked_for_by_a_few_keys_only() -> None:
    assert Freshness(15, 20).steps == 2
    assert Freshness(15, 0).steps == 0
    assert (Freshness(1, 3600).steps, Freshness(1, 3600).life) == (MOST_STEPS, MOST_STEPS + 1)


def test_a_miss_is_told_with_its_reason() -> None:
    misses = Misses(most=2)

    assert misses.count("q", 7, 3) is Reason.NEW
    misses.had("q", 7)
    misses.had("q", 6)  # an old answer that was still served
    assert misses.count("q", 10, 3) is Reason.GONE
    assert misses.count("q", 11, 3) is Reason.MOVED
    misses.had("r", 1)
    misses.had("q", 8)
    misses.had("s", 1)  # one too many: who was asked longest ago is forgotten
    assert [misses.count(each, 8, 3) for each in ("q", "r")] == [Reason.GONE, Reason.NEW]


async def test_why_answers_had_to_be_made_is_counted(cache: AnswerCache, client: redis.Redis) -> None:
    def counted() -> list[float]:
        return [http_metrics.METRIC_MISSES.labels(each)._value.get() for each in Reason]

    before, maker = counted(), Maker()
    await cache.get(["q"], AT, MINUTE, maker)
    await cache.get(["q"], AT, MINUTE, maker)
    await cache.get(["q"], AT + timedelta(minutes=2), MINUTE, maker)
    await client.delete(*[key async for key in client.scan_iter(f"{cache._prefix}*")])
    await cache.get(["q"], AT + timedelta(minutes=2), MINUTE, maker)

    assert [now - then for now, then in zip(counted(), before, strict=True)] == [1, 1, 1]


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

    none = Freshness(0, 60)
    assert [await cache.get(["q"], AT, none, maker) for _ in range(2)] == [
        ({"number": 1}, "off"),
        ({"number": 2}, "off"),
    ]


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
    ("name", "end", "by", "wanted"),
    [
        ("rides.gross_revenue", "2026-05-20", "", Freshness(1800, 1800)),
        ("rides.booking_conversion", "2026-05-20", "", Freshness(300, 300)),
        ("rides.gross_revenue", "2026-05-20T11:50:00Z", "", Freshness(15, 45)),
        ("rides.gross_revenue", "", "", Freshness(15, 45)),
        # Whoever is erased is gone in half a minute, wherever the id stands.
        ("rides.driver_earnings", "2026-05-20", "driver_id", Freshness(15, 15)),
        ("rides.driver_earnings", "", "driver_id", Freshness(15, 15)),
    ],
)
def test_closed_periods_are_kept_for_longer(name: str, end: str, by: str, wanted: Freshness) -> None:
    metric = catalogue.BY_NAME[name]
    question = ask(metric, begin="2026-05-01", end=end, zone="UTC", by=[by] if by else [], now=AT)

    assert kept(Settings(), question, AT) == wanted


def test_boards_of_people_are_kept_as_briefly() -> None:
    drivers, routes = (
        board_question.ask(board, begin="2026-05-01", end="2026-05-20", zone="UTC") for board in (DRIVERS, ROUTES)
    )

    assert boards.kept(Settings(), drivers, AT) == Freshness(15, 15)
    assert boards.kept(Settings(), routes, AT) == Freshness(1800, 1800)
    assert boards.kept(Settings(), routes, datetime(2026, 5, 20, 0, 10, tzinfo=UTC)) == Freshness(15, 45)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("metric=net_revenue", "metric=rides.net_revenue&granularity=total&limit=1000&exact=false"),
        ("metric=net_revenue&zone=America/New_York", "metric=net_revenue&zone="),
        ("metric=net_revenue&from=2030-05-01&zone=UTC", "from=2030-05-01T02:00:00%2B02:00&zone=UTC&metric=net_revenue"),
        ("where=method:card&where=pickup_city:Berlin", "where=pickup_city:Berlin&where=method:card&where=method:card"),
        ("by=method", "by=method&by=method"),
    ],
)
def test_a_question_is_one_however_it_is_written(one: str, other: str) -> None:
    found = [parameters.read("payments", QueryParams(f"to=2030-06-01&{words}")).questions for words in (one, other)]

    first, second = ([cursor.fingerprint(each) for each in questions] for questions in found)
    assert first == second


async def test_the_second_request_is_answered_by_the_cache(asking: Asking, metric_world: World) -> None:
    words = f"{span(metric_world)}&metric=orders&by=organizer_id&limit={secrets.randbelow(900) + 50}"
    hits = await asking.counted("hit")
    first, second = [await asking.metrics("organizers", words) for _ in range(2)]

    assert [each["metrics"][0].pop("cache") for each in (first, second)] == ["miss", "hit"]
    assert first == second
    assert await asking.counted("hit") == hits + 1
