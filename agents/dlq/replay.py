"""Send dead letters again, each with a line in the audit before and after.

    1 claim    a line `begun` for each letter, read back: where another command has begun too, give way
    2 send     acks=all; a clear refusal of the broker is `failed`, the letter stays as it was
    3 record   a line `done` with the place in Kafka

A process that dies between 1 and 3 leaves letters `uncertain`: they may have been sent. No replay by filter takes
them up again by itself, and a second sending carries the same (source, id), so the duplicate memory of the worker
drops it within its horizon.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    InvalidTopicError,
    KafkaError,
    MessageSizeTooLargeError,
    PolicyViolationError,
    RecordListTooLargeError,
    TopicAuthorizationFailedError,
)

from agents.dlq.edit import Outgoing
from agents.kill_point import Step, point
from clickhouse.dead_letters import DeadLetters
from streams.intent import nonce
from streams.letter import Action, Filter, Letter, LetterId, State

BATCH = 100
"""Letters that are claimed and sent together: so many are uncertain at most after a crash."""
CLEAR = (
    InvalidTopicError,
    MessageSizeTooLargeError,
    PolicyViolationError,
    RecordListTooLargeError,
    TopicAuthorizationFailedError,
)
"""Answers of the broker after which the record certainly does not stand there."""
PAGE = 200
"""Letters that are read at a time, with their records."""


@dataclass(slots=True)
class Tally:
    """What became of the letters that a command was to send."""

    sent: int = 0
    still_refused: int = 0
    """Left alone, since this version would refuse them again."""
    taken: int = 0
    """Left alone, since another command was at them."""
    failed: int = 0
    """Refused by the broker; they stay open."""
    uncertain: int = 0
    """No answer of the broker: they may have been sent."""
    problems: list[str] = field(default_factory=list)
    """The words of the first failures."""

    @property
    def others(self) -> dict[str, int]:
        """What was not sent, in words."""
        return {
            "left, for this version would refuse them again": self.still_refused,
            "left, for another command was at them": self.taken,
            "refused by the broker": self.failed,
            "uncertain": self.uncertain,
        }

    @property
    def seen(self) -> int:
        """Letters dealt with."""
        return self.sent + sum(self.others.values())

    def note(self, problem: str) -> None:
        """Keep a problem to be shown, unless there are many already."""
        if len(self.problems) < 5:
            self.problems.append(problem)


def scope(chosen: Filter, again: bool, most_attempts: int) -> Filter:
    """The letters that a replay by filter takes: no loop of a record that fails again and again.

    Without `again`: open letters whose record was never replayed. With it: also uncertain ones, and records that
    failed again, as long as they have fewer than `most_attempts` replays behind them.
    """
    states = chosen.states or ((State.OPEN, State.UNCERTAIN) if again else (State.OPEN,))
    return Filter(
        chosen.ids,
        chosen.reasons,
        chosen.types,
        chosen.topics,
        chosen.sources,
        chosen.fields,
        chosen.causes,
        states,
        chosen.since,
        chosen.until,
        most_attempts - 1 if again else 0,
    )


async def pages(letters: DeadLetters, chosen: Filter) -> AsyncIterator[list[Letter]]:
    """All letters of a filter, with their records, by position; what is done to them meanwhile does not disturb."""
    after: LetterId | None = None
    while page := await letters.page(chosen, after, PAGE):
        yield page
        after = page[-1].id


class Replayer:
    """Sends letters under one action of one person."""

    def __init__(
        self,
        letters: DeadLetters,
        producer: AIOKafkaProducer,
        actor: str,
        *,
        note: str = "",
        rate: float | None = None,
        on_progress: Callable[[Tally], None] = lambda _: None,
    ) -> None:
        """`rate`: records a second at most; None: as fast as the broker takes them."""
        self.action = nonce()
        self.tally = Tally()
        self.stopped = asyncio.Event()
        """Set it to end after what is in flight."""
        self._letters = letters
        self._producer = producer
        self._actor = actor
        self._note = note
        self._rate = rate
        self._on_progress = on_progress
        self._due = time.monotonic()

    async def send(self, outgoing: Sequence[Outgoing]) -> None:
        """Send these, in order. Raises SinkUnavailable if ClickHouse is away, which may leave some uncertain."""
        size = BATCH if self._rate is None else max(1, min(BATCH, int(self._rate)))
        for first in range(0, len(outgoing), size):
            if self.stopped.is_set():
                return
            batch = outgoing[first : first + size]
            await self._paced(len(batch))
            await self._send(await self._claim(batch))
            self._on_progress(self.tally)

    async def _paced(self, count: int) -> None:
        """Wait until so many records more are within the rate."""
        if self._rate is not None:
            wait = self._due - time.monotonic()
            self._due = max(self._due, time.monotonic()) + count / self._rate
            if wait > 0:
                await asyncio.sleep(wait)

    async def _claim(self, batch: Sequence[Outgoing]) -> list[Outgoing]:
        """1: two commands that are at the same letters see each other, for each writes before it reads."""
        await self._letters.write([self._line(out, "begun") for out in batch])
        point(Step.REPLAY, "before")
        seen = await self._letters.actions([out.letter.id for out in batch])
        ours: list[Outgoing] = []
        theirs: list[Outgoing] = []
        for out in batch:
            others = seen[out.letter.id] - out.letter.actions - {self.action}
            (theirs if others else ours).append(out)
        if theirs:
            self.tally.taken += len(theirs)
            self.tally.note(f"another command is at {theirs[0].letter.id.short}; look again when it is done")
            await self._letters.write([self._line(out, "failed", note="another command was at it") for out in theirs])
        return ours

    async def _send(self, batch: Sequence[Outgoing]) -> None:
        """2 and 3."""
        sent = [(out, await self._hand_over(out)) for out in batch]
        await asyncio.gather(
            *(answer for _, answer in sent if isinstance(answer, asyncio.Future)), return_exceptions=True
        )
        point(Step.REPLAY, "after")
        lines = [line for out, answer in sent if (line := self._outcome(out, answer)) is not None]
        if lines:
            await self._letters.write(lines)

    async def _hand_over(self, out: Outgoing) -> "asyncio.Future[Any] | KafkaError":
        """Give one record to the producer, in order; an error here means that it was not sent."""
        try:
            known = await self._producer.partitions_for(out.topic)
            partition = out.partition if out.partition in known else None
            if out.key is None and out.value is None:
                return await self._hand_over_nothing(out, min(known) if partition is None else partition)
            answer: asyncio.Future[Any] = await self._producer.send(
                out.topic, out.value, key=out.key, partition=partition, headers=out.headers
            )
        except KafkaError as error:
            return error
        return answer

    async def _hand_over_nothing(self, out: Outgoing, partition: int) -> "asyncio.Future[Any]":
        """The same for a record without key and value: aiokafka's `send` takes none, a batch of it does."""
        batch = self._producer.create_batch()
        batch.append(timestamp=None, key=None, value=None, headers=out.headers)
        answer: asyncio.Future[Any] = await self._producer.send_batch(batch, out.topic, partition=partition)
        return answer

    def _outcome(self, out: Outgoing, answer: "asyncio.Future[Any] | KafkaError") -> Action | None:
        """The line that ends the claim; None if nobody knows."""
        error = answer if isinstance(answer, KafkaError) else answer.exception()
        if error is None:
            assert isinstance(answer, asyncio.Future)
            self.tally.sent += 1
            done = answer.result()
            return self._line(out, "done", to=(done.topic, done.partition, done.offset))
        self.tally.note(f"{out.letter.id.short}: {error!r}")
        if error is not answer and not isinstance(error, CLEAR):
            self.tally.uncertain += 1
            return None
        self.tally.failed += 1
        return self._line(out, "failed", note=repr(error))

    def _line(self, out: Outgoing, phase: str, *, note: str = "", to: tuple[str, int, int] = ("", 0, 0)) -> Action:
        return Action(
            out.letter.id,
            self.action,
            "replay",
            phase,
            out.attempt,
            self._actor,
            note or self._note,
            *to,
            out.edited,
            (out.value or b"") if out.edited else b"",
        )


async def discard(letters: DeadLetters, given_up: Sequence[Letter], actor: str, note: str, action: str) -> None:
    """Give letters up; they stay in the table with the reason, and no replay by filter takes them."""
    await letters.write(
        [Action(letter.id, action, "discard", "done", letter.attempt, actor, note) for letter in given_up]
    )
