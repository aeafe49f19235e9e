"""`python -m bench [NAME] [options]`: run a benchmark; without a name, the whole job, by us and by others."""

import runpy
import sys

BENCHMARKS = {
    "peers": "the whole job by the product and by six others, in turn, on the same events",
    "guard": "whether the main job has become slower: its speed against a fixed loop, beside the history",
    "curves": "how figures change with batch, partitions, keys, load, rows ...: point by point, drawn",
    "parts": "the parts of that job by everybody, with the physical limits and Kafka Streams beside them",
    "ingest": "the whole job of one worker: events per CPU second and by the clock, freshness, memory",
    "decode": "decoding, validating and rendering alone",
    "windows": "counting into all declared windows alone",
    "inserts": "what ClickHouse spends on a row, by format and with or without views",
    "dashboard": "how far the numbers in a browser are behind the broker",
    "memory": "whether the memory of a worker stays flat over half an hour",
    "recovery": "counting a shard's open windows again after a crash",
    "backup": "what a backup takes, and how long until all is back once ClickHouse is lost: RPO and RTO",
    "outage": "how a worker bears minutes without ClickHouse: memory, CPU, lines of log, and how soon all is back",
    "volume": "20 million events: JSON against bytes on disk, parts made, and how fast they came in",
    "http": "events posted over HTTP, one and 500 a request, beside the product's own producer",
    "query": "how long the questions of people take over a store that `volume` has kept",
    "keys": "whether the sort keys are worth it: each table of such a store beside a copy in another order",
    "indexes": "what the skip indexes and a projection are worth: asked with and without, over such a store",
    "metrics": "how long the metrics of the catalogue take over such a store",
    "endpoints": "how long every address of metrics takes over HTTP, with and without an answer in the cache",
    "analytics": "how long funnels, retention, cohorts and paths take over such a store",
    "traffic": "an hour of people in front of dashboards: cache hits, waiting, and a load tool's steady rate",
    "states": "what the states of rollups cost: percentiles kept in five ways, people counted in two",
    "readme": "write the newest figures into the README and the pages of docs",
}


def main() -> None:
    """Run the named benchmark with the rest of the command line."""
    words = sys.argv[1:]
    if words and words[0] in ("-h", "--help"):
        lines = "".join(f"  {name:9} {line}\n" for name, line in BENCHMARKS.items())
        sys.stdout.write(
            f"usage: python -m bench [NAME] [options]\n\n{lines}\n`python -m bench NAME --help` shows more\n"
        )
        return
    name = words.pop(0) if words and not words[0].startswith("-") else "peers"
    if name not in BENCHMARKS:
        sys.exit(f"there is no benchmark {name!r}; choose one of {', '.join(BENCHMARKS)}")
    sys.argv = [f"python -m bench {name}", *words]
    runpy.run_module(f"bench.{name}", run_name="__main__")


main()
