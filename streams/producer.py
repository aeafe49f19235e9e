"""A connection to the broker for whoever sends events: begun whole or not at all, and let go of within a time."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError, KafkaError

import streams.refresh  # noqa: F401  # a broker that is away costs no core

BATCH_BYTES = 262_144
LEAST_TIMEOUT_SECONDS = 5.0


async def connect(servers: str, seconds: float) -> tuple[Any, bool]:
    """A started producer, and whether it is idempotent; a broker that cannot be so refuses the first try.

    `seconds`: how long a request may take. Raises KafkaError, OSError.
    """
    aiokafka_log = logging.getLogger("aiokafka")
    for idempotent in (True, False):
        producer = AIOKafkaProducer(
            bootstrap_servers=servers,
            acks="all",
            enable_idempotence=idempotent,
            max_batch_size=BATCH_BYTES,
            request_timeout_ms=int(1000 * max(seconds, LEAST_TIMEOUT_SECONDS)),
        )
        level = aiokafka_log.level
        aiokafka_log.setLevel(logging.CRITICAL)  # a refusal is expected here, an outage is told by our caller
        try:
            await whole(producer.start, producer)
            await producer.client.force_metadata_update()  # of all topics, none of which it would create
        except KafkaConnectionError:
            raise
        except KafkaError:
            if not idempotent:
                raise
        else:
            return producer, idempotent
        finally:
            aiokafka_log.setLevel(level)
    raise AssertionError("unreachable")


async def whole(start: Callable[[], Awaitable[None]], producer: Any) -> None:
    """Start a producer, or leave nothing of it open: cut off in the middle, aiokafka forgets a connection."""
    starting = asyncio.ensure_future(start())
    try:
        await asyncio.shield(starting)
    except BaseException:
        starting.cancel()
        await asyncio.wait([starting])
        await close(producer, 1.0)
        raise


async def close(producer: Any, seconds: float) -> None:
    """Let go of a producer; what it still owes may be acknowledged within `seconds`."""
    with contextlib.suppress(KafkaError, TimeoutError):
        async with asyncio.timeout(seconds):
            await producer.stop()
            return
    # It still waits for a broker that does not answer.
    with contextlib.suppress(KafkaError, asyncio.CancelledError):
        await producer._sender.close()
    with contextlib.suppress(KafkaError):
        await producer.client.close()
