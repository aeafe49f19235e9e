"""A web process stays in service while one of its stores can be asked, and says which one is away."""

import aiohttp

from api import models
from streams.settings import Settings
from tests.support.live import cut_off, served
from tests.support.waiting import eventually


async def probed(http: aiohttp.ClientSession, place: str) -> tuple[int, models.Ready]:
    """What `/ready` says."""
    async with http.get(f"{place}/ready") as answer:
        return answer.status, models.Ready.model_validate(await answer.json())


async def test_it_is_ready_while_either_store_answers(metric_settings: Settings) -> None:
    assert metric_settings.clickhouse_url
    assert metric_settings.redis_url
    with (
        cut_off(metric_settings.redis_url) as (redis, redis_way),
        cut_off(metric_settings.clickhouse_url) as (clickhouse, clickhouse_way),
        served(metric_settings.model_copy(update={"redis_url": redis, "clickhouse_url": clickhouse})) as (place, _),
    ):
        async with aiohttp.ClientSession() as http:

            async def told(is_redis: bool, is_clickhouse: bool) -> int:
                """The status, once both stores are told to be there or away as they are."""
                found: list[tuple[int, models.Ready]] = []

                async def is_told() -> bool:
                    found.append(await probed(http, place))
                    said = found[-1][1]
                    return (said.redis == "ok", said.metrics == "ok") == (is_redis, is_clickhouse)

                await eventually("both stores to be told", is_told)
                assert ("REDIS_URL" in found[-1][1].redis) is not is_redis
                assert ("ClickHouse" in found[-1][1].metrics) is not is_clickhouse
                return found[-1][0]

            assert await told(is_redis=True, is_clickhouse=True) == 200
            redis_way.refuse()
            assert await told(is_redis=False, is_clickhouse=True) == 200
            clickhouse_way.refuse()
            assert await told(is_redis=False, is_clickhouse=False) == 503
            redis_way.accept()
            assert await told(is_redis=True, is_clickhouse=False) == 200


async def test_without_a_store_for_metrics_live_numbers_are_enough(redis_url: str) -> None:
    with served(Settings(redis_url=redis_url)) as (place, _):
        async with aiohttp.ClientSession() as http:
            status, said = await probed(http, place)
    assert (status, said.redis) == (200, "ok")
    assert "CLICKHOUSE_URL" in said.metrics
