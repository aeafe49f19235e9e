"""People in front of dashboards ask what the API takes; what they saw is summed up; a load tool's report is read."""

import asyncio
import heapq
import random
import secrets
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from operator import itemgetter
from urllib.parse import urlsplit

import pytest
import redis.asyncio as redis
from starlette.datastructures import QueryParams

from api.metrics import geo, parameters
from api.metrics.cache import AnswerCache, Content
from api.metrics.service import kept
from bench import store_page
from bench.attack import figures
from bench.traffic import Seen, board_addresses
from bench.visitors import ACT_SECONDS, BOARDS, PERIODS, REFRESH_SECONDS, Visitor, seat, span
from clickhouse.metrics import question
from clickhouse.metrics.question import Question
from streams.events.domains import RIDES
from streams.settings import Settings

NAMES = {board.filter: [f"one {number}" for number in range(30)] for board in BOARDS.values() if board.filter}
NOW = datetime(2030, 5, 7, 9, 20, tzinfo=UTC)


def asked_by(address: str) -> Question:
    """The one question that an address asks."""
    parts = urlsplit(address)
    group, words = parts.path.rpartition("/")[2], QueryParams(parts.query)
    (found,) = (geo.read(words).asked if group == "geo" else parameters.read(group, words)).questions
    return found


def test_the_api_takes_whatever_they_ask() -> None:
    asked = set(board_addresses(NAMES, 400))
    groups = {urlsplit(each).path.rpartition("/")[2] for each in asked}

    assert all(map(asked_by, asked))
    assert groups == {panel.group for board in BOARDS.values() for panel in board.panels}


@pytest.mark.parametrize("period", [each for each in PERIODS if each[0].isdigit()])
def test_a_period_is_what_the_api_takes_the_word_for(period: str) -> None:
    assert span(period, NOW) == question.span(RIDES, period, "", "UTC", NOW)[:2]


def test_a_closed_period_stays_the_same_all_day_and_an_open_one_for_a_quarter() -> None:
    assert span("yesterday", NOW) == span("yesterday", NOW + timedelta(hours=9))
    assert span("24h", NOW) == span("24h", NOW + timedelta(minutes=9))
    assert span("24h", NOW) != span("24h", NOW + timedelta(minutes=10))


def test_the_same_dice_make_the_same_person() -> None:
    def asked(seed: int) -> list[str]:
        visitor = Visitor(random.Random(seed), NAMES)
        found: list[str] = []
        for _ in range(20):
            found += visitor.asks(NOW)
            visitor.act()
        return found

    assert asked(1) == asked(1)
    assert asked(1) != asked(2)
    assert len(set(asked(1))) > 10


def test_a_board_asks_again_and_at_once_when_somebody_acts() -> None:
    times = [at for at, _ in seat(random.Random(5), NAMES, 36_000)]
    waits = [later - at for at, later in pairwise(times)]
    acts = sum(wait < REFRESH_SECONDS - 0.001 for wait in waits)

    assert max(waits) == pytest.approx(REFRESH_SECONDS)
    assert times[-1] < 36_000
    assert 0.7 < acts * ACT_SECONDS / 36_000 < 1.3


async def test_nobody_waits_for_what_a_board_asks_again(redis_url: str) -> None:
    """The first minutes of the hour in small, at the clock of the data; nothing takes time."""
    client = redis.Redis.from_url(redis_url)
    cache, asked = AnswerCache(client, f"test-{secrets.token_hex(6)}"), dict[str, float]()
    again, new = Counter[str](), Counter[str]()

    async def make() -> Content:
        return {}

    seats = (seat(random.Random(f"visitor {number}"), NAMES, 240) for number in range(6))
    for at, visitor in heapq.merge(*seats, key=itemgetter(0)):
        now = NOW + timedelta(seconds=at)
        for address in visitor.asks(now):
            _, how = await cache.get([address], now, kept(Settings(), asked_by(address), now), make)
            await asyncio.gather(*cache._making.values())
            (again if at - asked.get(address, -3600) <= REFRESH_SECONDS else new)[how] += 1
            asked[address] = at
    await client.aclose()

    assert again.keys() == {"hit", "stale"}
    assert again.total() > new.total() > new["miss"] > 30


def test_people_look_at_what_is_known_more_than_at_the_rest() -> None:
    asked = [path for seed in range(400) for path in Visitor(random.Random(seed), NAMES).asks(NOW)]
    first, last = (sum(f"organizer_id%3Aone+{n}" in each.split("&")[-1] for each in asked) for n in (0, 29))

    assert first > 3 * last
    assert [*islice(Visitor(random.Random(3), dict.fromkeys(NAMES, ())).asks(NOW), 1)]


def test_a_request_is_cached_if_all_in_it_is() -> None:
    seen = Seen()
    seen.note(200, b'{"metrics":[{"cache":"hit"},{"cache":"stale"}]}', 2.0)
    seen.note(200, b'{"metrics":[{"cache":"hit"},{"cache":"miss"}]}', 40.0)
    seen.note(200, b'{"metrics":[{"cache":"shared"}]}', 30.0)
    seen.note(503, b'{"cache":"hit"}', 1.0)

    found = seen.figures()
    assert found["answers"] == {"hit": 2, "stale": 1, "miss": 1, "shared": 1}
    assert (found["hit_rate"], found["fresh_rate"]) == (0.6, 0.4)
    assert (found["cached"]["median_ms"], found["uncached"]["median_ms"], found["requests"]) == (2.0, 35.0, 3)
    assert found["refused"] == {"503": 1}


REPORT = {
    "latencies": {"50th": 2_000_000, "95th": 9_500_000, "99th": 20_000_000, "max": 31_000_000},
    "duration": 2_000_000_000,
    "wait": 1_000_000,
    "requests": 400,
    "rate": 200.4,
    "throughput": 199.9,
    "success": 0.995,
    "status_codes": {"200": 398, "503": 2},
    "errors": ["503 Service Unavailable"],
}


def test_errors_of_the_load_are_told() -> None:
    found = figures(REPORT)

    assert (found["p95_ms"], found["succeeded"], found["errors"]) == (9.5, 0.995, ["503 Service Unavailable"])
    told = {"visitors": 60, "minutes": 60, "speed": 12, "rows": 1, "cores": 2, "requests": 3, "requests_per_second": 1}
    seen = {"answers": {"hit": 15, "stale": 4, "miss": 1}, "hit_rate": 0.95, "fresh_rate": 0.75, "cached": {}}
    seen |= {"uncached": {}, "misses": {"new": 3, "gone": 1}, "load_average": 1.5}
    page = store_page.traffic(told | seen | {"load": found | {"web_cpu_share": 0.4}})
    assert "398 with status 200, 2 with status 503" in page
    assert "**Hit rate 95.0%**, 75.0% without old answers (hit 75.0%, stale 20.0%, miss 5.0%)" in page
    assert "Misses: new 75%, gone 25%." in page
    assert "on 2 cores, load average 1.5: 20 answers" in page
    assert "The load" not in store_page.traffic(told | seen)
