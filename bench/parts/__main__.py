"""The parts of the job by everybody, and the limits beside them: `python -m bench parts`.

It writes bench/results/parts.json. A round starts Apache Kafka, fills the topics as the race does, and lets each
contestant do one part after the other, alone on its core, in an order that turns with the rounds. Each lap is written
down when it is over: a run that is broken off goes on with the laps that are missing, and `--anew` begins again.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from bench.parts import report
from bench.parts.book import Book
from bench.parts.check import task
from bench.parts.entrants import ENTRANTS, NAMES, Entrant
from bench.parts.feed import Feed
from bench.parts.kafka_streams.java import Missing
from bench.parts.order import PARTITIONS, Part
from bench.parts.race import lap
from bench.parts.report import Lap
from bench.peers.backlog import AGE
from bench.peers.check import WrongWork
from bench.peers.contestants import Contestant
from bench.peers.environment import NoEnvironment
from bench.peers.place import Place
from bench.peers.site import opened, pinned
from bench.world import send
from deploy.local import tools
from deploy.local.kafka import Kafka
from deploy.local.stack import Stack
from streams.cli.topics import create
from streams.settings import Settings

RESULT = Path(__file__).parent.parent / "results" / "parts.json"
SIZES = {"tiny": (4_000, 8_000, 1), "small": (60_000, 240_000, 1), "full": (150_000, 900_000, 3)}
"""Events of the first phase, of the second, and rounds."""
console = Console(stderr=True)


@dataclass(slots=True)
class Round:
    """One round on a running broker."""

    settings: Settings
    number: int
    core: int
    book: Book
    laps: list[Lap]
    """Those that are still to be measured."""

    def run(self) -> None:
        """Fill, let the slow ones work; fill on, let the others work. Raises what a lap raises."""
        feed = Feed(float(int(time.time() - AGE)))
        for phase, count in enumerate(self.book.events):
            turn = [each for each in self.laps if _entrant(each).slow is (phase == 0)]
            console.print(f"sending {count:,} events")
            asyncio.run(send(self.settings.kafka_bootstrap_servers or "", feed.phase(phase, count)))
            for key in (each for each in turn if not _entrant(each).stores):
                with self._place(key) as place:
                    self._lap(key, feed, place)
            self._stored([each for each in turn if _entrant(each).stores], feed)

    def _stored(self, laps: list[Lap], feed: Feed) -> None:
        """The laps that need ClickHouse, which runs for no other."""
        if not laps:
            return
        with Stack(self.settings, self.settings.millrace_home) as settings:
            for key in laps:
                contestant = Contestant(_entrant(key).name, "limits", (), "none")
                with opened(contestant, settings, self.number) as site:
                    self._lap(key, feed, site.place)

    def _lap(self, key: Lap, feed: Feed, place: Place) -> None:
        entrant = _entrant(key)
        found = lap(entrant.name, entrant.command(), task(entrant, Part(key.partition("/")[0]), feed), place, self.core)
        self.book.enter(self.number, key, found)
        console.print(
            f"  {key:34} {found['events_per_core_second']:>11,.0f} events per second of CPU"
            f" {found['events_per_second']:>11,.0f} by the clock",
            soft_wrap=True,
        )

    @contextmanager
    def _place(self, key: Lap) -> Iterator[Place]:
        """A group and a folder of the lap's own; no store."""
        group = f"parts-{key.replace('/', '-')}-{self.number}"
        with tempfile.TemporaryDirectory(prefix="part-") as home:
            yield Place(self.settings.kafka_bootstrap_servers or "", group, f"{group}-dead-letters", "", "", home)


def turned(number: int, chosen: Sequence[Entrant]) -> list[Lap]:
    """A round's laps, part by part; each round begins with another contestant."""
    by = number % max(1, len(chosen))
    order = [*chosen[by:], *chosen[:by]]
    return [report.lap(part, each.name) for part in Part for each in order if part in each.parts]


def runnable(names: Sequence[str], skipped: dict[str, str]) -> list[Entrant]:
    """Those of these names whose program can be had; says loudly which cannot, and why. Raises NoEnvironment."""
    found = []
    for name in names:
        try:
            NAMES[name].command()
        except Missing as error:
            skipped[name] = str(error)
            console.print(f"[bold red]SKIPPED: {name}: {error}[/]")
        else:
            found.append(NAMES[name])
    return found


def rounds(book: Book, count: int, chosen: list[Entrant], core: int) -> None:
    """Measure what is missing in each round, on a broker of its own. Raises what a lap raises."""
    for number in range(count):
        laps = book.missing(number, turned(number, chosen))
        again = "" if laps else "; `--anew` measures everything again"
        console.print(f"round {number + 1} of {count}: {len(laps)} laps to measure{again}")
        if not laps:
            continue
        with tempfile.TemporaryDirectory(prefix="parts-") as folder:
            home = Path(folder)
            node = Kafka(home / "kafka", 1024)
            node.start()
            try:
                settings = Settings(
                    millrace_home=home,
                    log_level="warning",
                    kafka_bootstrap_servers=node.url,
                    kafka_partitions=PARTITIONS,
                )
                asyncio.run(create(settings))
                Round(settings, number, core, book, laps).run()
            finally:
                node.stop()


def _entrant(key: Lap) -> Entrant:
    return NAMES[key.partition("/")[2]]


def main() -> None:
    """Measure, write after each lap, and print."""
    parser = argparse.ArgumentParser(prog="python -m bench parts", description=__doc__)
    parser.add_argument("--size", choices=tuple(SIZES), default="full", help="events and rounds (default: %(default)s)")
    parser.add_argument("--rounds", type=int, help="another number of rounds")
    parser.add_argument("--anew", action="store_true", help="measure everything again")
    parser.add_argument(
        "--only", nargs="+", metavar="NAME", choices=tuple(NAMES), help="these alone; writes only to --output"
    )
    parser.add_argument("--output", type=Path, help="file for the result (default: bench/results/parts.json)")
    arguments = parser.parse_args()
    if tools.kafka() is None:
        sys.exit("Apache Kafka is missing; run `make tools`")
    first, second, usual = SIZES[arguments.size]
    book = Book(arguments.size, (first, second), arguments.output or (None if arguments.only else RESULT))
    if not arguments.anew and (why := book.go_on()):
        console.print(f"[bold red]{why}: everything is measured again, and takes its place[/]")
    try:
        chosen = runnable(arguments.only or [each.name for each in ENTRANTS], book.skipped)
        rounds(book, arguments.rounds or usual, chosen, pinned())
    except (WrongWork, NoEnvironment, RuntimeError) as error:
        sys.exit(str(error))
    for table in report.show(book.told()):
        Console(file=sys.stdout, width=120).print(table)


if __name__ == "__main__":
    main()
