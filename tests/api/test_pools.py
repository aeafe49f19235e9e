"""A web process opens as many connections to Redis as its setting says; whoever finds none free waits."""

import asyncio
import secrets

import redis.asyncio as redis

from api.app import connect_redis
from streams.settings import Settings


async def test_connections_to_redis_are_bounded_by_the_setting(redis_url: str) -> None:
    name = f"pool-{secrets.token_hex(4)}"
    client = connect_redis(Settings(redis_url=f"{redis_url}?client_name={name}", redis_connections=3))

    answers = await asyncio.gather(*(client.blpop([f"{name}-{n}"], timeout=0.05) for n in range(9)))

    watching = redis.Redis.from_url(redis_url)
    assert answers == [None] * 9
    assert sum(each["name"] == name for each in await watching.client_list()) == 3
    await watching.aclose()
    await client.aclose()
    assert Settings().redis_connections == 50
