"""One batch on its way: the decoded records, the opinion on them, and the rows that follow from it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agents.judge import DeadLetter, Judged
from agents.render import Content, Render
from streams.batch import Decoded, from_runs, runs_by_topic
from streams.errors import Reject
from streams.intent import Ranges, Verdict

Offsets = dict[str, set[int]]
"""Per topic, offsets."""


@dataclass(slots=True)
class Batch:
    """What the protocol delivers for one range of offsets per topic."""

    ranges: Ranges
    decoded: Mapping[str, Sequence[Decoded]]
    judged: Judged
    content: Content

    @classmethod
    def of(
        cls, ranges: Ranges, decoded: Mapping[str, list[Decoded]], judged: Judged, render: Render, rate: float, at: int
    ) -> "Batch":
        """Render the rows of a judged batch; `at` is its `ingested_at`."""
        return cls(ranges, decoded, judged, render(judged, rate, at))

    @property
    def verdict(self) -> Verdict:
        """What the record says about the offsets that make no row."""
        return self.judged.verdict

    def refuse(self, offsets: Offsets, reason: Reject, message: str) -> "Batch":
        """The batch with the rows of these offsets turned into dead letters."""
        letters = [
            DeadLetter.of(each.chunk, record, event, reason, message=message)
            for topic, chosen in offsets.items()
            for each in self.decoded.get(topic, ())
            for record, event in zip(each.chunk.records, each.events, strict=True)
            if record.offset in chosen
        ]
        verdict = {topic: dict(words) for topic, words in self.verdict.items()}
        for topic, chosen in offsets.items():
            words = {word: set(from_runs(runs)) for word, runs in verdict.get(topic, {}).items()}
            words[reason] = words.get(reason, set()) | chosen
            verdict[topic] = runs_by_topic(words)
        tables = {
            table: rows.only({topic: all_ - offsets.get(topic, set()) for topic, all_ in rows.by_topic().items()})
            for table, rows in self.content.tables.items()
        }
        accepted = [part.only(set(part.offsets) - offsets.get(part.topic, set())) for part in self.judged.accepted]
        judged = Judged(accepted, self.judged.dead + letters, verdict, left_out=self.judged.left_out)
        return Batch(self.ranges, self.decoded, judged, Content(tables, judged.dead, self.content.days))
