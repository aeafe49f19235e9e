"""One lap from inside: CPU and clock from the first fetch to the last record, and what was found, into a file."""

import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from bench.parts import order as orders
from bench.parts.order import Order
from bench.parts.work import WORK, Found, told
from bench.peers import place as places
from bench.peers.job import settle
from bench.peers.place import Place

RESULT = "result.json"
"""The file below a contestant's home."""


class Lap:
    """What a contestant's process tells about itself. All its threads count; what it loads before `ready` does not."""

    def __init__(self, place: Place, order: Order) -> None:
        self.place = place
        self.order = order
        self._work = WORK[order.part]() if order.part in WORK else None
        self._left = order.records
        self._unclosed = order.closed
        self._closed: Counter[tuple[int, str]] = Counter()
        self._ready = self._began = self._cpu = 0.0
        self._first = 0

    def ready(self) -> None:
        """Call it when everything is loaded and nothing is fetched yet."""
        if not self._ready:
            settle()
            self._ready, self._cpu = time.monotonic(), time.process_time()

    def take(self, fetched: Iterable[tuple[str, Sequence[bytes]]]) -> None:
        """Do the part's work with what was fetched at once: topics, and values of some of their records."""
        assert self._work is not None
        records = 0
        for topic, values in fetched:
            self._work.take(topic, values)
            records += len(values)
        self.seen(records, self._work.found)

    def one(self, topic: str, value: bytes) -> None:
        """The same with one record."""
        assert self._work is not None
        self._work.one(topic, value)
        self.seen(1, self._work.found)

    def seen(self, records: int, found: Callable[[], Found]) -> None:
        """So many records more are worked off; `found` is asked after the last one."""
        self.begin(records)
        self._left -= records
        if self._left <= 0 < self._left + records:
            self.finish(found)

    def begin(self, records: int) -> None:
        """The first records are there; later calls change nothing."""
        if records and not self._began:
            self.ready()
            self._began, self._first = time.monotonic(), records

    def close(self, lines: Iterable[tuple[int, str, int]]) -> None:
        """Windows that an engine has closed: minute (seconds since 1970), type and events."""
        for minute, kind, events in lines:
            self._closed[minute, kind] += events
            self._unclosed -= events
        if self._unclosed <= 0 < self.order.closed:
            self.finish(lambda: told(self._closed))

    def finish(self, found: Callable[[], Found]) -> None:
        """Write what it took, and what was found."""
        now, cpu = time.monotonic(), time.process_time()
        at_once = self._first >= self.order.records  # one batch had all: then the clock runs from the start
        spent = {
            "cpu": cpu - self._cpu,
            "seconds": now - (self._ready if at_once else self._began),
            "events": self.order.records - (0 if at_once else self._first),
            "peak_megabytes": _peak(),
            "found": found(),
        }
        result = Path(self.place.home) / RESULT
        draft = result.with_suffix(".draft")
        draft.write_text(json.dumps(spent))
        os.replace(draft, result)  # whoever waits for it must not read half of it


def given() -> Lap:
    """The lap that the environment names. Raises KeyError outside the benchmark."""
    return Lap(places.given(), orders.given())


def _peak() -> int:
    """The most memory that this process had, in megabytes."""
    status = Path("/proc/self/status").read_text()
    kilobytes = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:"))
    return round(int(kilobytes) / 1024)
