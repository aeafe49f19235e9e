"""Faust workers as parts: started beside the stack, read through their own pages, started again when they die."""

import http.client
import json
import sys
import urllib.error
import urllib.request
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from deploy.local.part import Part
from deploy.local.process import Command
from streams.settings import Settings

ANSWER_SECONDS = 3.0
GRACE_SECONDS = 10.0
"""What a worker may take beyond WORKER_STOP_SECONDS before it is killed, which is safe."""
HANDED_OVER = (
    "windows_enabled",
    "kafka_bootstrap_servers",
    "kafka_group",
    "kafka_forgets",
    "clickhouse_url",
    "clickhouse_database",
    "clickhouse_storage_policy",
    "archive_url",
    "backup_folder",
    "erasure_key",
    "clickhouse_cluster",
    "clickhouse_shard_urls",
    "redis_url",
    "database_url",
)


def environment(settings: Settings) -> dict[str, str]:
    """What a process beside the stack needs in its environment to use the same parts as these settings."""
    values = {name: getattr(settings, name) for name in HANDED_OVER}
    plain = {n: v.get_secret_value() if isinstance(v, SecretStr) else v for n, v in values.items()}
    home = {"MILLRACE_HOME": str(settings.millrace_home)}
    return home | {name.upper(): str(value) for name, value in plain.items() if value is not None}


class Worker:
    """One process of `faust -A streams worker`; what it knew is in Kafka and ClickHouse."""

    setting = ""
    keeps_state = True

    def __init__(self, settings: Settings, number: int) -> None:
        self.settings = settings
        self.name = f"worker-{number}"

    def prepare(self) -> None:
        """Nothing: a worker has no data of its own."""

    def command(self, port: int) -> Command:
        """The worker with its pages on this port."""
        level = "warn" if self.settings.log_level == "warning" else self.settings.log_level  # Faust's word for it
        argv = (sys.executable, "-m", "faust", "-A", "streams", "worker", "-l", level)
        env = environment(self.settings) | {"WORKER_PORT": str(port), "WORKER_HOST": "127.0.0.1"}
        return Command(argv, env=env, grace=self.settings.worker_stop_seconds + GRACE_SECONDS)

    def url(self, port: int) -> str:
        """Its pages."""
        return f"http://127.0.0.1:{port}"


def worker_part(settings: Settings, number: int, logs: Path, hold: tuple[int, ...] = ()) -> Part:
    """A worker that is not started yet. `hold`: see Process."""
    return Part(Worker(settings, number), ping, logs, lambda _: None, hold)


def page(url: str, name: str) -> tuple[int, bytes]:
    """Status and content of one of a worker's pages. Raises OSError where nobody answers."""
    try:
        with urllib.request.urlopen(f"{url}/{name}", timeout=ANSWER_SECONDS) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()
    except http.client.HTTPException as error:
        raise OSError(f"{url}/{name} breaks off: {error!r}") from error


def ping(url: str) -> None:
    """Ask for /health, which a worker answers from its start on."""
    status, _ = page(url, "health")
    if status != 200:
        raise OSError(f"{url}/health answers {status}")


def is_ready(url: str) -> bool:
    """Whether every shard of this worker runs."""
    try:
        return page(url, "ready")[0] == 200
    except OSError:
        return False


def shards(url: str) -> dict[str, str]:
    """State of each shard that this worker has, by its number."""
    try:
        found: dict[str, str] = json.loads(page(url, "ready")[1])["shards"]
        return found
    except (OSError, ValueError, KeyError):
        return {}


def stopped(url: str) -> list[str]:
    """Why each stopped shard of this worker stopped; a person has to look at these."""
    try:
        found = json.loads(page(url, "health")[1])["shards"]
        return [f"shard {s['shard']}: {s['problem']}" for s in found if s["state"] == "stopped"]
    except (OSError, ValueError, KeyError):
        return []


@dataclass
class Reading:
    """What the workers' metrics say together; counts since the workers of this stack were started."""

    events: int = 0
    """Records that a delivered batch has taken, whatever became of them."""
    lag: int = 0
    freshness_p95: float | None = None
    """Seconds from record timestamp to queryable row, over the last batch of each worker."""
    buckets: dict[float, float] = field(default_factory=dict)
    """Batches by the freshness of their p95 record: upper bound in seconds to cumulated count."""


def families(url: str) -> list[Any]:
    """The metrics of one worker; none where it does not answer."""
    try:
        status, text = page(url, "metrics")
    except OSError:
        return []
    return list(text_string_to_metric_families(text.decode())) if status == 200 else []


class Metrics:
    """Reads /metrics of all workers. A counter that fell belongs to a new process: what the old one had is kept."""

    def __init__(self) -> None:
        self._last: dict[tuple[Any, ...], float] = {}
        self._before: defaultdict[tuple[Any, ...], float] = defaultdict(float)

    def read(self, urls: list[str]) -> Reading:
        """The present sums; a worker that does not answer counts with what it said last."""
        gauges: dict[str, list[float]] = defaultdict(list)
        for url in urls:
            for family in families(url):
                for sample in family.samples:
                    if family.type in ("counter", "histogram"):
                        self._count((url, sample.name, *sorted(sample.labels.items())), sample.value)
                    else:
                        gauges[sample.name].append(sample.value)
        freshness = gauges.get("millrace_batch_freshness_p95_seconds", [])
        return Reading(
            events=int(sum(self._sums("millrace_events_total").values())),
            lag=int(sum(gauges.get("millrace_lag_records", []))),
            freshness_p95=max(freshness, default=0) or None,
            buckets=self._buckets(),
        )

    def _count(self, key: tuple[Any, ...], value: float) -> None:
        if value < self._last.get(key, 0):
            self._before[key] += self._last[key]
        self._last[key] = value

    def _sums(self, name: str) -> dict[tuple[Any, ...], float]:
        """Every series of a metric, over processes that are gone too."""
        return {key: value + self._before[key] for key, value in self._last.items() if key[1] == name}

    def _buckets(self) -> dict[float, float]:
        found: defaultdict[float, float] = defaultdict(float)
        for key, value in self._sums("millrace_freshness_seconds_bucket").items():
            found[float(dict(key[2:])["le"])] += value
        return dict(sorted(found.items()))


def quantile(share: float, buckets: dict[float, float]) -> float | None:
    """A quantile of a cumulated histogram, linear inside its bucket; None without a value."""
    total = max(buckets.values(), default=0)
    if not total:
        return None
    lower, below = 0.0, 0.0
    for upper, count in buckets.items():
        if count >= share * total:
            if upper == float("inf"):
                return lower
            return lower + (upper - lower) * (share * total - below) / max(count - below, 1e-9)
        lower, below = upper, count
    return lower
