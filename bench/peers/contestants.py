"""Who takes part: how each is started, and what it promises about delivery."""

import sys
from dataclasses import dataclass

from bench.peers import environment

OURS = "ours"
RAW = "raw_fetch_decode"
AT_LEAST_ONCE = "rows, windows and dead letters at least once"
SNAPSHOTS = "windows exactly once from its snapshots, written at least once; rows and dead letters at least once"


@dataclass(frozen=True, slots=True)
class Contestant:
    """One engine doing the job."""

    name: str
    """As in the results."""
    folder: str
    """Below bench/peers: its worker, and its requirements where it has an environment of its own."""
    words: tuple[str, ...]
    """What its Python is called with."""
    guarantee: str
    """What becomes of rows and of windows when it is killed."""
    slow: bool = False
    """It is given the first phase of the backlog alone."""
    plain: bool = False
    """Its stages are those of `bench.peers.plain`, not the product's."""

    @property
    def python(self) -> str:
        """The interpreter of its environment, which is made on the first call; the product's own has no other."""
        if self.folder in environment.folders():
            return str(environment.python_of(self.folder))
        return sys.executable


def _module(folder: str) -> tuple[str, ...]:
    return ("-m", f"bench.peers.{folder}.worker")


def _faust(folder: str, *options: str) -> tuple[str, ...]:
    return ("-m", "faust", "-A", f"bench.peers.{folder}.worker", *options, "worker", "-l", "warn")


CONTESTANTS = (
    Contestant(
        "vanilla_faust",
        "vanilla_faust",
        _faust("vanilla_faust", "--loop", "uvloop"),
        AT_LEAST_ONCE,
        slow=True,
    ),
    Contestant(
        "quix_streams",
        "quix_streams",
        _module("quix_streams"),
        f"{AT_LEAST_ONCE}; its exactly-once mode ends at Kafka and does not reach ClickHouse",
        slow=True,
    ),
    *(
        Contestant(f"{name}_plain", name, _module(name), AT_LEAST_ONCE, slow=True, plain=True)
        for name in ("aiokafka_loop", "faststream")
    ),
    Contestant("bytewax_plain", "bytewax", _module("bytewax"), SNAPSHOTS, slow=True, plain=True),
    Contestant(RAW, "raw", _module("raw"), "none: it only fetches and decodes"),
    Contestant("aiokafka_loop", "aiokafka_loop", _module("aiokafka_loop"), AT_LEAST_ONCE),
    Contestant("confluent_loop", "confluent_loop", _module("confluent_loop"), AT_LEAST_ONCE),
    Contestant("faststream", "faststream", _module("faststream"), AT_LEAST_ONCE),
    Contestant("bytewax", "bytewax", _module("bytewax"), SNAPSHOTS),
    Contestant(
        OURS,
        OURS,
        _faust(OURS),
        "rows, dead-letter rows and windows exactly once; the dead-letter topic at least once",
    ),
)
"""In the order of the race; ours is last, since its steady part follows."""
PEERS = {contestant.name: contestant for contestant in CONTESTANTS}
