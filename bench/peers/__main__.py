"""The whole job by everybody, in turn, on the same events: `python -m bench peers` writes bench/results/latest.json.

A round starts Apache Kafka and ClickHouse, fills the topics once, and lets every contestant work them off from the
beginning, each with a consumer group, a database and a core of its own. Slow ones are given the first part of the same
events. Nobody's figure counts unless rows, dead letters and windows are right to the unit.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from bench import readme
from bench.ingest import Usage
from bench.peers import race
from bench.peers.backlog import AGE, Backlog
from bench.peers.check import WrongWork
from bench.peers.contestants import CONTESTANTS, OURS, PEERS, RAW, Contestant
from bench.peers.environment import NoEnvironment
from bench.peers.job import PARTITIONS
from bench.peers.race import Figures
from bench.peers.report import result, show
from bench.peers.site import on_all_cores, opened, pinned
from bench.world import clones, originals, send
from deploy.local import tools
from deploy.local.kafka import Kafka
from deploy.local.stack import Stack
from streams.cli.topics import create
from streams.settings import Settings

LATEST = Path(__file__).parent.parent / "results" / "latest.json"
SIZES = {"tiny": (4_000, 8_000, 1, 5), "small": (60_000, 240_000, 1, 12), "full": (150_000, 900_000, 3, 45)}
"""Events of the first part, of the second, rounds, and seconds of our steady part."""
RATE = 10_000
console = Console(stderr=True)


@dataclass(slots=True)
class Round:
    """One round on running parts."""

    settings: Settings
    number: int
    core: int
    seconds: int
    figures: dict[str, Figures] = field(default_factory=dict)
    first: dict[int, tuple[str, int]] = field(default_factory=dict)

    def run(self, chosen: list[Contestant], counts: tuple[int, int]) -> None:
        """Fill, let the slow ones work; fill on, let the others work. Raises what a lap raises."""
        backlog = Backlog(time.time() - AGE)
        slow = [each for each in chosen if each.slow]
        for number, (count, turn) in enumerate(zip(counts, (slow, [e for e in chosen if not e.slow]), strict=True)):
            console.print(f"sending {count:,} events")
            asyncio.run(send(self.settings.kafka_bootstrap_servers or "", backlog.phase(number, count)))
            for contestant in self._turned(turn):
                self._lap(contestant, backlog)

    def _turned(self, turn: list[Contestant]) -> list[Contestant]:
        """Each round begins with another one; ours stays last."""
        others = [each for each in turn if each.name != OURS]
        by = self.number % max(1, len(others))
        return [*others[by:], *others[:by], *(each for each in turn if each.name == OURS)]

    def _lap(self, contestant: Contestant, backlog: Backlog) -> None:
        truth = backlog.truth
        with opened(contestant, self.settings, self.number) as site:
            if contestant.name == RAW:
                found = race.raw(site, truth, self.core)
            elif contestant.name == OURS:
                count = RATE * self.seconds
                messages = clones(originals(min(count, 60_000)), count, f"steady-{self.number}")

                def steady(usage: Usage) -> Figures:
                    with on_all_cores():
                        return race.freshness(site, usage, messages, RATE, self.seconds)

                found = race.lap(site, truth, self.core, self.first, then=steady)
            else:
                found = race.lap(site, truth, self.core, self.first)
        self.figures[contestant.name] = found
        console.print(
            f"  {contestant.name:18} {found['events_per_core_second']:>9,.0f} events per second of CPU"
            f" {found['events_per_second']:>9,.0f} by the clock"
        )


def rounds(arguments: argparse.Namespace, chosen: list[Contestant], core: int) -> Iterator[dict[str, Figures]]:
    """Each round's figures by contestant, on parts of its own."""
    first, second, usual, seconds = SIZES[arguments.size]
    for number in range(arguments.rounds or usual):
        console.print(f"round {number + 1} of {arguments.rounds or usual}")
        with tempfile.TemporaryDirectory(prefix="peers-") as folder:
            home = Path(folder)
            node = Kafka(home / "kafka", 1024)
            node.start()
            try:
                given = Settings(
                    millrace_home=home,
                    log_level="warning",
                    kafka_bootstrap_servers=node.url,
                    kafka_partitions=PARTITIONS,
                )
                with Stack(given, home) as settings:
                    asyncio.run(create(settings))
                    turn = Round(settings, number, core, seconds)
                    turn.run(chosen, (first, second))
                    yield turn.figures
            finally:
                node.stop()


def main() -> None:
    """Race, write the result after each round, and print it."""
    parser = argparse.ArgumentParser(prog="python -m bench peers", description=__doc__)
    parser.add_argument("--size", choices=tuple(SIZES), default="full", help="events and rounds (default: %(default)s)")
    parser.add_argument("--rounds", type=int, help="another number of rounds")
    parser.add_argument(
        "--only", nargs="+", metavar="NAME", choices=tuple(PEERS), help="these alone; writes only to --output"
    )
    parser.add_argument("--output", type=Path, help="file for the result (default: bench/results/latest.json)")
    arguments = parser.parse_args()
    if tools.kafka() is None:
        sys.exit("Apache Kafka is missing; run `make tools`")
    chosen = [each for each in CONTESTANTS if not arguments.only or each.name in arguments.only]
    output = arguments.output or (None if arguments.only else LATEST)
    try:
        for each in chosen:
            console.print(f"environment of {each.name}: {each.python}")
        found: list[dict[str, Figures]] = []
        for figures in rounds(arguments, chosen, pinned()):
            found.append(figures)
            told = result(found, arguments.size, SIZES[arguments.size][:2])
            if output is not None:  # after each round: one that is broken off costs only itself
                output.write_text(json.dumps(told, indent=2) + "\n")
    except (WrongWork, NoEnvironment, RuntimeError) as error:
        sys.exit(str(error))
    if output == LATEST:
        readme.main()
    Console(file=sys.stdout, width=120).print(show(told))


if __name__ == "__main__":
    main()
