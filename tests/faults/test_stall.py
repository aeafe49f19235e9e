"""An insert can be kept back in the middle of its body, and goes on although whoever sent it has given up."""

import asyncio

from tests.support.proxy import proxy
from tests.support.waiting import eventually

HEAD = b"POST /?insert_deduplication_token=t HTTP/1.1\r\nContent-Length: 300000\r\n\r\n"
BODY = b"x" * 300_000


async def test_a_body_is_kept_back_and_comes_late() -> None:
    got = bytearray()
    ended = asyncio.Event()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            got.extend(data)
        ended.set()
        writer.close()

    async def is_begun() -> bool:
        return len(got) > len(HEAD)

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    async with proxy("127.0.0.1", server.sockets[0].getsockname()[1]) as way:
        way.stalls = 1
        way.bodies.clear()
        _, writer = await asyncio.open_connection("127.0.0.1", way.port)
        writer.write(HEAD)
        await writer.drain()
        writer.write(BODY)
        await writer.drain()
        await eventually("the body to begin", is_begun)
        writer.close()
        await writer.wait_closed()
        assert bytes(got) == HEAD + BODY[:1]
        way.bodies.set()
        await asyncio.wait_for(ended.wait(), 10)
        assert bytes(got) == HEAD + BODY
        assert way.stalls == 0
    server.close()
    await server.wait_closed()
