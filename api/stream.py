"""The numbers as a stream: Server-Sent Events and WebSocket, as soon as some are new; to the slow only the newest."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import msgspec
from fastapi import APIRouter, WebSocket
from fastapi.responses import StreamingResponse

from api import errors, parameters, problems
from api.feed import Feeds, Produce
from api.live import only
from api.numbers import Numbers
from streams.errors import QueryRefused
from tables.query import Query, find

MOST_TOPICS = 20
RECONNECT_MILLISECONDS = 1000
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


def source(numbers: Numbers, topic: str, last: int) -> tuple[str, Produce]:
    """A topic's name among the feeds, and what makes its messages. Raises QueryRefused."""
    if topic == "realtime":
        return topic, lambda: numbers.message(topic, numbers.realtime())
    if topic == "dashboard":
        return topic, lambda: numbers.message(topic, numbers.dashboard())
    query = Query(topic, last)
    find(numbers.declared, topic)
    return f"{topic}?last={last}", lambda: numbers.message(topic, numbers.window(query))


def sources(numbers: Numbers, topics: Sequence[str] | None, last: int) -> list[tuple[str, Produce]]:
    """All that a client wants to hear. Raises QueryRefused."""
    wanted = list(dict.fromkeys(topics or ("realtime",)))
    if len(wanted) > MOST_TOPICS:
        raise QueryRefused(
            f"{len(wanted)} topics are too many for one stream.",
            code="too_much",
            value=str(len(wanted)),
            hint=f"Ask for {MOST_TOPICS} at most; open a second stream for the others.",
        )
    return [source(numbers, topic, last) for topic in wanted]


def routes(numbers: Numbers, feeds: Feeds) -> APIRouter:
    """The router of both streams."""
    router = APIRouter(prefix="/v1/live", tags=["live"])
    listed = only(400, 404) | {200: {"content": {"text/event-stream": {}}, "description": "Events without end."}}

    @router.get("/stream", response_class=StreamingResponse, responses=listed)
    async def stream(topic: parameters.Topics = None, last: parameters.Last = 1) -> StreamingResponse:
        """Server-Sent Events: an event for each topic, named like it, whenever there are new numbers, up to four times
        a second, and after LIVE_INTERVAL_SECONDS if there are none. Its data is what the topic's address answers. While
        Redis is away an event `problem` holds the error instead. A client that reads too slowly misses
        events, and always gets the newest.
        """
        wanted = sources(numbers, topic, last)
        return StreamingResponse(events(feeds, wanted), media_type="text/event-stream", headers=HEADERS)

    @router.websocket("/ws")
    async def socket(websocket: WebSocket, topic: parameters.Topics = None, last: parameters.Last = 1) -> None:
        """WebSocket: the same messages as text, each `{"topic": ..., "data": ...}`, where `data` is what the topic's
        address answers; `{"topic": "problem", "data": ...}` while Redis is away. The parameters are those of
        `/v1/live/stream`. What the client sends is ignored.
        """
        await websocket.accept()
        try:
            wanted = sources(numbers, topic, last)
        except QueryRefused as error:
            await websocket.send_text(message("problem", problems.content(errors.problem_of(error))))
            await websocket.close(1008, error.code)
            return
        sending = asyncio.create_task(send(feeds, wanted, websocket))
        hearing = asyncio.create_task(until_gone(websocket))
        done, running = await asyncio.wait({sending, hearing}, return_when=asyncio.FIRST_COMPLETED)
        for task in running:
            task.cancel()
        await asyncio.gather(*done, *running, return_exceptions=True)

    return router


async def events(feeds: Feeds, wanted: list[tuple[str, Produce]]) -> AsyncIterator[bytes]:
    """The text of a stream of Server-Sent Events."""
    yield b"retry: %d\n\n" % RECONNECT_MILLISECONDS
    with feeds.listen(wanted) as mailbox:
        while not mailbox.closed:
            for name, content in (await mailbox.take()).values():
                yield b"event: %b\ndata: %b\n\n" % (name.encode(), content)


def message(name: str, content: bytes) -> str:
    """The text of a message of the WebSocket."""
    return f'{{"topic":{msgspec.json.encode(name).decode()},"data":{content.decode()}}}'


async def send(feeds: Feeds, wanted: list[tuple[str, Produce]], websocket: WebSocket) -> None:
    """Send until the feeds close; a client that does not read holds up nobody but itself."""
    with feeds.listen(wanted) as mailbox:
        while not mailbox.closed:
            for name, content in (await mailbox.take()).values():
                await websocket.send_text(message(name, content))
    await websocket.close(1001, "the server stops")


async def until_gone(websocket: WebSocket) -> None:
    """Return when the client has left; what it says, in text or bytes, is passed over."""
    while (await websocket.receive())["type"] != "websocket.disconnect":
        pass
