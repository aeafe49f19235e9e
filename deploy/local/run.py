"""The life of `millrace up`: parts, tables, topics, workers, producers, the view, and the orderly end of all of it.

    1. start the parts, apply migrations, create topics, start workers and dashboard, wait until the shards run
    2. say where everything is; start the producers and show what happens, until the time is over or a signal comes
    3. stop the producers; with an end in sight, wait until every record of the topics, and so every event they sent,
       is accounted for
    4. stop workers and dashboard, count, say the totals, stop the parts in reverse order

The first ctrl-c or SIGTERM leads to step 4, the second kills what is left; so does the end of this process (see guard).
"""

import asyncio
import contextlib
import json
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import FrameType

from aiokafka.errors import KafkaError
from rich.console import Console

from clickhouse import migrate
from deploy.local.demo import Choice, Producer, note, steps
from deploy.local.drain import Drain
from deploy.local.part import Part, start_all
from deploy.local.stack import Stack
from deploy.local.totals import Totals, dropped, stored
from deploy.local.view import draw
from deploy.local.watch import TICK_SECONDS, Watch
from deploy.local.web import web_part
from deploy.local.worker import is_ready, quantile, stopped, worker_part
from metadata import migrate as metadata
from streams.cli import topics
from streams.errors import MillraceError, SinkUnavailable
from streams.settings import Settings

READY_SECONDS = 180.0
STALLED_SECONDS = 120.0
POLL_SECONDS = 0.2


class Interrupted(BaseException):
    """The first signal that asks for the end; raised in the main thread, wherever it is."""


@dataclass(frozen=True)
class Options:
    """What the user asked for."""

    demo: Choice
    rate: int | None
    """Generated events a second of each domain; None: a modest one."""
    workers: int
    seconds: float | None
    """When to stop producing; None: when a signal comes."""
    as_json: bool
    fresh: bool


class Run:
    """One `millrace up`."""

    def __init__(self, given: Settings, options: Options, emit: Callable[[str], None]) -> None:
        """`given`: settings without those of a running stack. `emit` writes a line of JSON to standard output."""
        self.options = options
        self.emit = emit
        self.console = Console(stderr=options.as_json)
        self.stack = Stack(given, given.millrace_home, self._lose, options.fresh)
        self.workers: list[Part] = []
        self.web: list[Part] = []
        """The API and the dashboard; none before it is started."""
        self.producers: list[Producer] = []
        self._began = time.monotonic()
        self._is_drained = False
        """Whether all that was sent has its end; what else was counted then came from others."""
        self._lost: str | None = None
        self._interrupted = False
        self._hurried = False

    def run(self) -> None:
        """From start to end. Raises MillraceError for what a person has to look at."""
        with self._signals(), contextlib.suppress(Interrupted), self.stack as settings:
            try:
                before = self._prepare(settings)
                watch = Watch(self.console, settings, self.stack, self.workers, self.web, before)
                self._announce(settings)
                with contextlib.suppress(Interrupted):
                    self._produce(settings, watch)
                    self._drain(settings, before)
                self._end(settings, before, watch)
            finally:
                self._stop_beside()

    def _prepare(self, settings: Settings) -> Totals:
        """Step 1, after the parts; returns what the tables hold already."""
        self._say("parts are up, applying migrations")
        applied = migrate.run(settings) + metadata.run(settings)
        created = asyncio.run(topics.create(settings))
        before = count(settings)
        self._say(f"{applied} migrations applied, {len(created)} topics created, starting the worker")
        numbers = range(1, self.options.workers + 1)
        self.workers = [worker_part(settings, n, self.stack.logs, self.stack.hold) for n in numbers]
        self.web = [web_part(settings, self.stack.logs, self.stack.hold)]
        start_all([*self.workers, *self.web])
        deadline = time.monotonic() + READY_SECONDS
        while not all(is_ready(worker.url) for worker in self.workers):
            self._check_shards()
            if time.monotonic() > deadline:
                logs = self.stack.logs
                raise SinkUnavailable(
                    f"The shards do not run after {READY_SECONDS:.0f} s; {logs}/worker-*.log say why."
                )
            time.sleep(POLL_SECONDS)
        return before

    def _announce(self, settings: Settings) -> None:
        """Where everything is."""
        (dashboard,) = (web.url for web in self.web)
        if self.options.as_json:
            urls = {part.server.name: part.url for part in self.stack.parts} | self.stack.given
            beside = {"workers": [worker.url for worker in self.workers], "dashboard": dashboard}
            found = {"urls": urls | beside}
            self.emit(json.dumps(found | {"database": settings.clickhouse_database, "home": str(self.stack.home)}))
        self._say(f"post events to {dashboard}/v1/events with a key of `millrace keys create NAME`")
        self._say(f"ready; the dashboard is at {dashboard} ; ctrl-c stops everything")

    def _produce(self, settings: Settings, watch: Watch) -> None:
        """Step 2; returns when the time is over."""
        o = self.options
        plans = [(domain, steps(domain, o.rate, o.seconds)) for domain in o.demo.domains]
        self.producers = [Producer(settings, d, plan, self.stack.home, self.stack.hold) for d, plan in plans]
        end = float("inf") if o.seconds is None else time.monotonic() + o.seconds
        with watch.shown():
            while time.monotonic() < end or any(producer.must_end_first for producer in self.producers):
                for producer in self.producers:
                    producer.advance()
                watch.tick(self.producers, note(settings, o.demo))
                self._check()
                time.sleep(min(TICK_SECONDS, max(POLL_SECONDS, end - time.monotonic())))

    def _drain(self, settings: Settings, before: Totals) -> None:
        """Step 3. Raises SinkUnavailable where nothing moves any more, MillraceError where events are gone."""
        for producer in self.producers:
            producer.stop()
        sent = sum(producer.sent for producer in self.producers)
        drain = Drain(settings)
        known: tuple[int, int] | None = None
        moved = time.monotonic()
        while known is None or known[0]:
            self._check_shards()
            with contextlib.suppress(OSError, KafkaError):
                left, totals = drain.look()
                now = left, (totals - before).accounted
                if now != known:
                    known, moved = now, time.monotonic()
                    self._say(f"{sent:,} events sent, {now[1]:,} accounted for, {left:,} of the topics still to come")
                    continue
            if time.monotonic() - moved > STALLED_SECONDS:
                left_over = f"{known[0]:,} records of the topics are" if known else "The events are"
                raise SinkUnavailable(
                    f"{left_over} not accounted for, and nothing moved for {STALLED_SECONDS:.0f} s; "
                    f"{self.stack.logs}/worker-*.log and `millrace dlq list` say why."
                )
            time.sleep(POLL_SECONDS)
        if known[1] < sent:
            raise MillraceError(
                f"the topics' records were all delivered, but {sent - known[1]:,} of {sent:,} events are in no table: "
                "erased or dropped meanwhile, or lost; `millrace batches --verify` says of which batch"
            )
        self._is_drained = True

    def _end(self, settings: Settings, before: Totals, watch: Watch) -> None:
        """Step 4, without the parts."""
        self._say("stopping")
        watch.tick(self.producers, "")
        self._stop_beside()
        if self._hurried:
            return
        watch.picture.totals = totals = count(settings) - before
        sent = sum(producer.sent for producer in self.producers)
        others = totals.accounted - sent if self._is_drained else None
        if self.options.as_json:
            self.emit(totals.as_json(sent, quantile(0.95, watch.picture.reading.buckets), others))
        else:
            said = f"sent {sent:,} events" + (f"; {others:,} more came from others" if others else "")
            watch.picture.parts, watch.picture.producers, watch.picture.note = [], [], said
            self.console.print(draw(watch.picture))

    def _stop_beside(self) -> None:
        """Stop the producers, then the workers and the dashboard."""
        for kind in (self.producers, [*self.workers, *self.web]):
            with ThreadPoolExecutor(len(kind) or 1, "stop") as pool:
                for beside in kind:
                    pool.submit(beside.stop)

    def _lose(self, message: str) -> None:
        self._lost = message

    def _check(self) -> None:
        """Raise what was met in the background."""
        if self._lost is not None:
            raise MillraceError(self._lost)

    def _check_shards(self) -> None:
        """Raise where a shard waits for a person, so that nobody waits for the shard."""
        self._check()
        for worker in self.workers:
            if problems := stopped(worker.url):
                raise MillraceError(f"{worker.server.name} stopped {'; '.join(problems)}")

    def _say(self, text: str) -> None:
        text = f"{time.monotonic() - self._began:6.1f} s  {text}"
        self.console.print(text, highlight=False, soft_wrap=True)

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """Raise Interrupted at the first signal, hurry at every other one."""
        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        earlier = {number: signal.signal(number, self._on_signal) for number in numbers}
        try:
            yield
        finally:
            for number, handler in earlier.items():
                signal.signal(number, handler)

    def _on_signal(self, _: int, __: FrameType | None) -> None:
        if not self._interrupted:
            self._interrupted = True
            raise Interrupted
        self._hurried = True
        for producer in self.producers:
            producer.hurry()
        for part in (*self.workers, *self.web):
            part.hurry()
        self.stack.hurry()


def count(settings: Settings) -> Totals:
    """Everything that is known now. Raises OSError, SinkUnavailable."""
    totals = stored(settings)
    try:
        totals.dropped = asyncio.run(dropped(settings))
    except KafkaError as error:
        raise SinkUnavailable(f"The log of intents cannot be read: {error!r}") from error
    return totals
