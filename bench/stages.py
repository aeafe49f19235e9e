"""The main job of a worker stage by stage, over chunks that lie ready: no broker and no store, so nothing waits.

The stages are the product's own, in the order and with the settings of a worker: decode, judge (duplicates and sampling
included), render the rows, count all windows, and encode: the record of the batch, and its rows as ClickHouse takes
them. What comes before, between and after them is the network's: fetching, the log of intents, the insert.
"""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice

from xxhash import xxh3_64_hexdigest

from agents import places
from agents.buffer import by_topic, ranges_of
from agents.decode import decode
from agents.deduplicate import Memory
from agents.judge import DUPLICATE, Policy, judge
from agents.locate import Locate
from agents.render import Render
from agents.rows import body
from bench.windows import START, Counting
from bench.world import ID
from streams.batch import Chunk
from streams.intent import Intent
from streams.settings import Settings
from streams.version import VERSION
from streams.world import zones
from streams.world.clock import live
from streams.world.dice import Dice
from streams.world.record import Record
from streams.world.traffic import events

STAGES = ("decode", "judge", "render", "windows", "encode")
RATE = 20.0
"""Events of the world a second: so many that its journeys take as long as in life."""
BEFORE = 40_000
"""Events that are left out: a world begins without pings, and half an hour later a third are."""
CHUNK = 5_000
"""Records of one fetch at most, as a worker has it."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """One record as the client hands it on."""

    offset: int
    timestamp: int
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes | None], ...] = ()


@dataclass(slots=True)
class Spent:
    """CPU seconds of this thread by stage, and of how many events."""

    events: int = 0
    rows: int = 0
    """What is left of them once pings are sampled."""
    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(STAGES, 0.0))

    @property
    def total(self) -> float:
        """All stages."""
        return sum(self.seconds.values())

    @contextmanager
    def on(self, stage: str) -> Iterator[None]:
        """Count what is spent inside."""
        begun = time.thread_time()
        yield
        self.seconds[stage] += time.thread_time() - begun


class Backlog:
    """What lies in the topics: events of both domains, always the same ones, all of them in one shard."""

    def __init__(self, count: int, seed: int = 1) -> None:
        world = events(("rides", "ticketing"), Dice(seed), "bench", live(START, RATE), RATE)
        self._records: list[Record] = list(islice(world, BEFORE, BEFORE + count))
        self.until = round(max(record.time for record in self._records) * 1000)
        """Time of the last event, milliseconds since 1970."""

    @property
    def digest(self) -> str:
        """Names the events: what other ones cost is not to be compared."""
        return xxh3_64_hexdigest(b"".join(record.value or b"" for record in self._records))

    def batches(self, turn: int, rows: int) -> list[list[Chunk]]:
        """The events as the chunks of batches of so many, under ids that no other turn has.

        They are newly made, as by a fetch, and stand at the offsets after those of the turn before.
        """
        mark = ID + f"{turn}-".encode()
        ends: Counter[str] = Counter({topic: turn * count for topic, count in self._counts.items()})
        made = []
        for first in range(0, len(self._records), rows):
            fetched: dict[str, list[Fetched]] = {}
            for record in self._records[first : first + rows]:
                value = (record.value or b"").replace(ID, mark, 1)
                one = Fetched(ends[record.topic], round(record.time * 1000), record.key, value)
                fetched.setdefault(record.topic, []).append(one)
                ends[record.topic] += 1
            made.append([chunk for topic, found in fetched.items() for chunk in _chunks(topic, found)])
        return made

    @property
    def _counts(self) -> Counter[str]:
        return Counter(record.topic for record in self._records)


class Job:
    """The stages of one shard, with what a worker remembers."""

    def __init__(self) -> None:
        settings = Settings.model_construct()  # the defaults, whatever the environment says
        locate = Locate(zones.points(), places.load())
        self._spot = locate
        self._render = Render(locate)
        self._policy = Policy.of(settings)
        self._limit = settings.event_bytes_limit
        self._memory = Memory(settings.duplicate_memory_events, settings.duplicate_memory_seconds)

    def work(self, batches: Sequence[Sequence[Chunk]], at: int) -> Spent:
        """Take batches through all stages, with windows that begin empty. `at`: ingestion, milliseconds since 1970.

        Raises RuntimeError if any event is refused, for then less is done than is measured.
        """
        spent, counting = Spent(), Counting()
        for seq, chunks in enumerate(batches):
            self._batch(chunks, at, seq, counting, spent)
        return spent

    def _batch(self, chunks: Sequence[Chunk], at: int, seq: int, counting: Counting, spent: Spent) -> None:
        rate = self._policy.sample_rate
        with spent.on("decode"):
            decoded = [decode(chunk, self._limit) for chunk in chunks]
        with spent.on("judge"):
            draft = self._memory.draft()
            judged = judge(by_topic(decoded), self._policy, at, draft)
            draft.enter(at / 1000)
        if judged.dead or any(word == DUPLICATE for _, word in judged.left_out):
            raise RuntimeError(f"the benchmark's own events are refused or taken for repeats: {judged.verdict}")
        with spent.on("render"):
            content = self._render(judged, rate, at)
        with spent.on("windows"):
            columns = [kind.columns for part in judged.accepted for kind in part.kinds(self._spot)]
            counting.panes_of(columns, seq)
            counting.sessions_of(columns, seq)
        with spent.on("encode"):
            starts = {chunk.topic: chunk.start for chunk in reversed(chunks)}
            record = Intent(
                chain="bench",
                seq=seq,
                previous="",
                nonce=f"{seq:016x}",
                ranges=ranges_of(decoded, starts),
                rows=content.rows,
                days=content.days,
                rate=rate,
                ingested_at=at,
                version=VERSION,
                verdict=judged.verdict,
            )
            record.encode()
            for rows in content.tables.values():
                body(rows, record, 0, 0)
        spent.events += sum(len(chunk.records) for chunk in chunks)
        spent.rows += sum(content.rows.values())


def _chunks(topic: str, fetched: list[Fetched]) -> Iterator[Chunk]:
    for first in range(0, len(fetched), CHUNK):
        part = fetched[first : first + CHUNK]
        yield Chunk(topic, 0, part[0].offset, part[-1].offset + 1, part)
