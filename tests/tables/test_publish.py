"""Publishing to a real Redis: what a status says of the sending that it belongs to."""

import secrets

import msgspec
import redis.asyncio

from tables.declared import declared
from tables.panes import Panes
from tables.publish import Publisher
from tables.wire import Status, shard_key


async def test_a_status_tells_when_everything_was_sent_again(redis_url: str) -> None:
    group = f"test-{secrets.token_hex(6)}"
    async with redis.asyncio.Redis.from_url(redis_url) as client:

        async def epoch(publisher: Publisher, seq: int) -> str:
            assert await publisher.publish(seq, Status(as_of=1), {}, ())
            text = await client.hget(shard_key(group, 0), "status")
            return msgspec.json.decode(text or b"", type=Status).epoch

        one, other = (Publisher(client, group, Panes(0, declared, {})) for _ in range(2))
        first = await epoch(one, 1)
        assert first
        assert await epoch(one, 2) == first
        second = await epoch(other, 3)
        assert second != first
        await client.delete(shard_key(group, 0))  # Redis has forgotten, so all of it is sent again
        assert await epoch(other, 4) not in (first, second)
