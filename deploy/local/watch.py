"""Collects what the terminal view shows, once a tick, from the workers' pages and from ClickHouse."""

import contextlib
import time
from collections import deque
from collections.abc import Iterator

from rich.console import Console
from rich.live import Live

from deploy.local.demo import Producer
from deploy.local.part import Part, State
from deploy.local.stack import Stack
from deploy.local.totals import Totals, stored
from deploy.local.view import Picture, draw, line
from deploy.local.worker import Metrics, shards
from streams.addresses import without_password
from streams.settings import Settings

TICK_SECONDS = 1.0
LINE_SECONDS = 5.0
RATE_TICKS = 5


class Watch:
    """The view of one run; it never fails because a part is away, it shows what it last knew."""

    def __init__(
        self,
        console: Console,
        settings: Settings,
        stack: Stack,
        workers: list[Part],
        web: list[Part],
        before: Totals,
    ) -> None:
        """`before`: what the tables held when the run began."""
        self.metrics = Metrics()
        self.picture = Picture()
        self._console = console
        self._settings = settings
        self._stack = stack
        self._workers = workers
        self._web = web
        self._before = before
        self._began = time.monotonic()
        self._said = 0.0
        self._rates: deque[tuple[float, int]] = deque(maxlen=RATE_TICKS)
        self._live: Live | None = None

    @contextlib.contextmanager
    def shown(self) -> Iterator[None]:
        """Draw in place while inside, if there is a terminal."""
        if not self._console.is_terminal:
            yield
            return
        with Live(console=self._console, auto_refresh=False, transient=True) as self._live:
            yield
        self._live = None

    def tick(self, producers: list[Producer], note: str) -> None:
        """Look at everything once and show it."""
        picture = self.picture
        now = time.monotonic()
        picture.seconds = now - self._began
        picture.note = note
        picture.reading = self.metrics.read([worker.url for worker in self._workers])
        self._rates.append((now, picture.reading.events))
        (first, taken), (last, taken_now) = self._rates[0], self._rates[-1]
        picture.rate = (taken_now - taken) / (last - first) if last > first else 0.0
        with contextlib.suppress(OSError):
            picture.totals = stored(self._settings) - self._before
        picture.parts = [*self._parts()]
        picture.producers = [(producer.domain, producer.words) for producer in producers]
        self._show()

    def _parts(self) -> Iterator[tuple[str, str, str]]:
        for setting, url in self._stack.outside.items():
            yield setting.partition("_")[0], "given", without_password(url)
        for part in self._stack.parts:
            yield part.server.name, part.state, without_password(part.url)
        for worker in self._workers:
            of_worker = shards(worker.url) if worker.state is State.UP else {}
            states = ", ".join(f"shard {number} {state}" for number, state in sorted(of_worker.items()))
            yield worker.server.name, worker.state, f"{worker.url}/shards  {states}"
        for web in self._web:
            yield "dashboard", web.state, web.url

    def _show(self) -> None:
        if self._live is not None:
            self._live.update(draw(self.picture), refresh=True)
        elif self.picture.seconds - self._said >= LINE_SECONDS:
            self._said = self.picture.seconds
            self._console.print(line(self.picture), highlight=False, soft_wrap=True)
