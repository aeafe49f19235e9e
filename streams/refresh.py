"""aiokafka asks for metadata again after a pause when nobody answered.

Its producer asks as long as a leader is unknown, and where connections are refused each try fails at once: a broker
that is away would cost most of a core and thousands of lines of log a second. Importing this file is enough: it holds
for every client of the process.
"""

import asyncio
from typing import Any

from aiokafka.client import AIOKafkaClient

_ask = AIOKafkaClient._metadata_update


async def _ask_unhurried(client: Any, cluster: Any, topics: Any) -> bool:
    """As aiokafka's, but one that fails takes as long as any other retry waits."""
    answered = bool(await _ask(client, cluster, topics))
    if not answered:
        await asyncio.sleep(client._retry_backoff)
    return answered


AIOKafkaClient._metadata_update = _ask_unhurried
