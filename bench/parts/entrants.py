"""Who takes part in which part, and what its process is called with."""

import sys
from collections.abc import Callable
from dataclasses import dataclass

from bench.parts.kafka_streams import java
from bench.parts.order import Part
from bench.peers import environment
from bench.peers.contestants import OURS
from streams.topics import source_topics

ENGINE = (Part.CONSUME, Part.DECODE, Part.WINDOWS)
KAFKA_STREAMS = "kafka_streams"
INSERT, INSERT_VIEWS = "raw_insert", "raw_insert_views"
COPY = "loopback_copy"

Command = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Entrant:
    """One engine, or one limit."""

    name: str
    """As in the results; an engine's is that of the race."""
    parts: tuple[Part, ...]
    command: Callable[[], Command]
    """Its program and arguments. Makes its environment where that is not there; raises NoEnvironment, or Missing."""
    slow: bool = False
    """It is given the first phase of the backlog alone."""
    stores: bool = False
    """It needs ClickHouse."""


def _engine(name: str, *words: str, slow: bool = False) -> Entrant:
    """One of the race's contestants; `words` in place of its module."""
    module = f"bench.parts.workers.{name}"

    def command() -> Command:
        own = name in environment.folders()
        python = str(environment.python_of(name)) if own else sys.executable
        return (python, "-m", *(words or (module,)))

    return Entrant(name, ENGINE, command, slow=slow)


def _faust(name: str) -> Command:
    return ("faust", "-A", f"bench.parts.workers.{name}")


def _limit(name: str, module: str, *words: str, stores: bool = False) -> Entrant:
    argv = (sys.executable, "-m", f"bench.parts.limits.{module}", *words)
    return Entrant(name, (Part.LIMITS,), lambda: argv, stores=stores)


def _java(name: str, way: str) -> Entrant:
    return Entrant(name, (Part.WINDOWS,), lambda: java.command(way, *source_topics()))


ENTRANTS = (
    _engine("vanilla_faust", *_faust("vanilla_faust"), "--loop", "uvloop", "worker", "-l", "warn", slow=True),
    _engine("quix_streams", slow=True),
    _engine("aiokafka_loop"),
    _engine("confluent_loop"),
    _engine("faststream"),
    _engine("bytewax"),
    _java(KAFKA_STREAMS, "dsl"),
    _java(f"{KAFKA_STREAMS}_processor", "processor"),
    _engine(OURS, *_faust(OURS), "worker", "-l", "warn"),
    _limit("raw_fetch", "fetch"),
    _limit("raw_scan", "parse", "scan"),
    _limit("raw_parse", "parse", "whole"),
    _limit(COPY, "copy"),
    _limit(INSERT, "insert", "plain", stores=True),
    _limit(INSERT_VIEWS, "insert", "views", stores=True),
)
"""In the order of the first round."""
NAMES = {entrant.name: entrant for entrant in ENTRANTS}
