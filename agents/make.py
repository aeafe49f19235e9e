"""From chunks to a batch: judged and rendered, so that only its record is missing."""

from dataclasses import dataclass

from agents.batch import Batch
from agents.buffer import by_topic, ranges_of
from agents.deduplicate import Draft, Memory
from agents.judge import Policy, judge
from agents.render import Render
from streams import metrics
from streams.batch import Decoded

YOUNG = 20_000
"""A batch made so many milliseconds ago is judged anew: by its `ingested_at` events are too early, and it ages.

Also, no hold is so short (`gate.seconds_to_wait`): what was judged before one is never proposed after it, when persons
may have been erased meanwhile.
"""


@dataclass(frozen=True, slots=True)
class Made:
    """A batch that waits for its record. Nothing was done for it that must be undone if it is dropped."""

    chunks: list[Decoded]
    batch: Batch
    draft: Draft
    """Its events, to be remembered once the record is valid."""
    ingested_at: int
    """Milliseconds since 1970, by ClickHouse's clock."""
    size: int
    """Source bytes."""

    def is_young(self, now: int) -> bool:
        """Whether it can be proposed as it is."""
        return now < self.ingested_at + YOUNG

    @property
    def topics(self) -> set[str]:
        """Those that it takes something of."""
        return {decoded.chunk.topic for decoded in self.chunks}


@dataclass(frozen=True, slots=True)
class Maker:
    """Makes the batches of one shard."""

    memory: Memory
    policy: Policy
    render: Render

    def __call__(self, chunks: list[Decoded], starts: dict[str, int], ingested_at: int) -> Made:
        """The batch of these chunks, which begin at `starts`.

        The batch before it must be remembered by now, or a repeat of its events were none.
        """
        topics = by_topic(chunks)
        with metrics.timed("judge"):
            draft = self.memory.draft()
            judged = judge(topics, self.policy, ingested_at, draft)
        with metrics.timed("render"):
            ranges = ranges_of(chunks, starts)
            batch = Batch.of(ranges, topics, judged, self.render, self.policy.sample_rate, ingested_at)
        return Made(chunks, batch, draft, ingested_at, sum(decoded.size for decoded in chunks))
