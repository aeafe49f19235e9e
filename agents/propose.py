"""Step 3 of the delivery: append the record that proposes a batch, and read the chain up to it."""

from collections import deque
from typing import Any

import msgspec

from agents.kill_point import Step, step
from agents.log import IntentLog
from agents.pulse import Pulse
from streams.backoff import Backoff
from streams.errors import IntentConflict, Invariant, InvariantBroken, LogCut
from streams.intent import Chain, Intent, nonce

RECENT = 8
"""Records shown on the worker's page, for each shard."""


class Proposer:
    """The chain of one shard as its present owner extends it."""

    def __init__(
        self, shard: int, version: str, intents: IntentLog, pulse: Pulse, retry_first: float, retry_longest: float
    ) -> None:
        self.shard = shard
        self.version = version
        self.intents = intents
        self._pulse = pulse
        self.chain = Chain()
        self._retry = (retry_first, retry_longest)
        self.recent: deque[Intent] = deque(maxlen=RECENT)
        """Our own newest records, for the worker's page."""

    @property
    def last(self) -> Intent:
        """The last valid record."""
        assert self.chain.last is not None, "recovery has read the chain before anything is proposed"
        return self.chain.last

    def successor(self, **fields: Any) -> Intent:
        """A record that follows the last valid one, with these fields."""
        last = self.last
        blank = Intent(
            format=last.format,
            chain=last.chain,
            seq=last.seq + 1,
            previous=last.nonce,
            nonce=nonce(),
            ranges={},
            version=self.version,
            stores=last.stores,
        )
        return msgspec.structs.replace(blank, **fields)

    def closing(self, watermark: int, kept: int) -> Intent:
        """The empty record that closes the shard: its ranges start and end where the last ones end."""
        last = self.last
        return self.successor(
            ranges={topic: (end, end) for topic, end in last.ends.items()}, watermark=watermark, kept=kept
        )

    async def propose(self, intent: Intent) -> int:
        """Append `intent` and read the chain up to it; returns its log offset: it is the valid record.

        An append whose outcome is unknown is repeated: of two copies the second is void. Raises IntentConflict if
        another's record is valid in its place, LogCut if an acknowledged record is not where it was acknowledged,
        SinkUnavailable while the broker is away.
        """
        value = intent.encode()
        backoff = Backoff(*self._retry)
        while True:
            with step(Step.INTENT):
                offset = await self.intents.append(value)
            self._pulse.beat()
            with step(Step.INTENT_READ):
                in_place = await self._read_on(value, offset)
            if self.last.nonce == intent.nonce:
                self.recent.appendleft(intent)
                return self.chain.offset
            if self.last.seq >= intent.seq:
                raise IntentConflict(f"shard {self.shard}: another owner wrote record {self.last.seq}")
            if offset is not None and not in_place:
                raise LogCut(
                    f"shard {self.shard}: the log of intents acknowledged offset {offset}, but our record is not "
                    "there: it was cut or re-created; stop the workers and run `millrace intents repair`"
                )
            if offset is not None:
                raise InvariantBroken(
                    f"shard {self.shard}: our own record {intent.seq} at {offset} is void", Invariant.OWN_RECORD_VOID
                )
            await backoff.wait()

    async def _read_on(self, value: bytes, offset: int | None) -> bool:
        """Judge the records up to `offset` (None: to the log's end); True if `value` stands at `offset`."""
        end = offset + 1 if offset is not None else (await self.intents.bounds())[1]
        in_place = False
        async for at, seen in self.intents.read_to(end):
            self.chain.take(at, seen)
            in_place = in_place or (at == offset and seen == value)
        return in_place
