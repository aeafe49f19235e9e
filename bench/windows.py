"""What counting an event into all declared windows costs: `python -m bench windows`.

Prints one line of JSON and writes bench/results/windows.json.
"""

import json
import sys
import time
from collections.abc import Sequence
from itertools import islice
from typing import Any

from agents import places
from agents.locate import Locate
from bench.ingest import RESULTS
from streams import codec
from streams.world import zones
from streams.world.clock import live
from streams.world.dice import Dice
from streams.world.traffic import events
from tables.columns import Columns, by_type
from tables.declared import declared
from tables.panes import Panes
from tables.sessions import Sessions

EVENTS = 100_000
BATCH = 25_000
RATE = 10_000.0
ROUNDS = 3
START = 1_767_268_800.0


class Counting:
    """All windows of one shard, empty at first, without a store."""

    def __init__(self) -> None:
        self.panes = Panes(0, declared, {})
        self.sessions = [Sessions(session, self.panes) for session in declared.sessions.values()]

    def panes_of(self, columns: Sequence[Columns], seq: int) -> None:
        """Count a batch into the panes of all windows but sessions."""
        self.panes.apply(columns, seq=seq, watermark=0, rate=0.2)
        self.panes.take_changes()

    def sessions_of(self, columns: Sequence[Columns], seq: int) -> None:
        """Count the same batch into the sessions."""
        for each in self.sessions:
            each.apply(columns, seq=seq, watermark=0, now=int(START * 1000))


def main() -> None:
    """Measure batches of generated traffic of both domains, quickest round, and print."""
    records = list(islice(events(("rides", "ticketing"), Dice(1), "bench", live(START, RATE), RATE), EVENTS))
    decoded = codec.decode_values([record.value for record in records])
    batches = [decoded[first : first + BATCH] for first in range(0, EVENTS, BATCH)]
    spot = Locate(zones.points(), places.load())
    rounds = [_round(batches, spot) for _ in range(ROUNDS)]
    seconds, of_sessions, lines, sessions = min(rounds)
    figures = {
        "windows_us": round(seconds / EVENTS * 1e6, 2),
        "sessions_us": round(of_sessions / EVENTS * 1e6, 2),
        "rounds": ROUNDS,
        "events": EVENTS,
        "batch": BATCH,
        "lines": lines,
        "sessions": sessions,
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "windows.json").write_text(json.dumps(figures, indent=2) + "\n")
    sys.stdout.write(json.dumps(figures) + "\n")


def _round(batches: list[list[Any]], spot: Any) -> tuple[float, float, int, int]:
    """Seconds for all windows, those of them for sessions, and how many lines and sessions there are then."""
    counting = Counting()
    begun, of_sessions = time.thread_time(), 0.0
    for seq, batch in enumerate(batches):
        columns = [columns for columns, _ in by_type(batch, spot)]
        counting.panes_of(columns, seq)
        before = time.thread_time()
        counting.sessions_of(columns, seq)
        of_sessions += time.thread_time() - before
    return time.thread_time() - begun, of_sessions, len(counting.panes), sum(map(len, counting.sessions))


if __name__ == "__main__":
    main()
