"""Points of the curve about the cache: people who look at a board of metrics while events go on."""

import asyncio
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import aiohttp

from bench.curves.curve import Figures, Size
from bench.ranks import percentile
from bench.world import originals, records, send_steadily
from clickhouse import migrate
from clickhouse.metrics import catalogue
from deploy.local.stack import Stack
from deploy.local.web import web_part
from deploy.local.worker import families, worker_part
from metadata import migrate as metadata_migrate
from metadata.keys import Scope
from streams.cli.topics import create
from streams.settings import Settings
from tests.support.posting import new_key

RATE = 500
"""Events a second meanwhile."""
SECONDS: dict[Size, int] = {"small": 30, "full": 60}
REFRESH_SECONDS = 5.0
"""How often a board asks again: the quickest that Grafana offers by itself."""
SERVED = ("hit", "stale", "shared")
"""Ways of an answer for which ClickHouse did nothing of its own while somebody waited."""
UNLIMITED = 1_000_000


def count(viewers: float, size: Size) -> Figures:
    """So many boards, each asking for all its panels every five seconds; what the cache said of the answers."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        with Stack(Settings(millrace_home=home, log_level="warning"), home) as running:
            asyncio.run(create(running))
            migrate.run(running)
            metadata_migrate.run(running)
            worker, web = worker_part(running, 1, home), web_part(running, home)
            worker.start()
            web.start()
            try:
                return asyncio.run(_watched(running, web.url, int(viewers), SECONDS[size]))
            finally:
                web.stop()
                worker.stop()


def panels() -> list[str]:
    """Addresses of a board's panels: of each group of metrics its first one, by hour over a day, or by day."""
    firsts = {group: catalogue.of_group(group)[0] for group in catalogue.GROUPS}
    lengths = {group: ("day", "7d") if metric.rolling_days else ("hour", "24h") for group, metric in firsts.items()}
    return [
        f"/v1/metrics/{group}?metric={metric.short}&granularity={lengths[group][0]}&from={lengths[group][1]}"
        for group, metric in firsts.items()
    ]


async def _watched(settings: Settings, url: str, viewers: int, seconds: int) -> Figures:
    key = await new_key(settings, [Scope.METRICS_READ], requests_per_second=UNLIMITED)
    sending = send_steadily(settings.kafka_bootstrap_servers or "", records(originals(RATE * seconds)), RATE)
    sender = threading.Thread(target=lambda: asyncio.run(sending), daemon=True)
    sender.start()
    until, milliseconds = time.monotonic() + seconds, list[float]()
    async with aiohttp.ClientSession(url, headers={"Authorization": f"Bearer {key}"}) as http:
        await asyncio.gather(*(_view(http, number / viewers, until, milliseconds) for number in range(viewers)))
    sender.join()
    ways = _ways(url)
    asked = ways.total()
    return {
        "served_share": round(sum(ways[way] for way in SERVED) / asked, 4),
        "ways": {way: round(number / asked, 4) for way, number in sorted(ways.items())},
        "answers": asked,
        "median_ms": round(percentile(milliseconds, 0.5), 1),
        "p95_ms": round(percentile(milliseconds, 0.95), 1),
    }


async def _view(http: aiohttp.ClientSession, share: float, until: float, milliseconds: list[float]) -> None:
    """One board: all panels at once, then a pause. `share`: how far into the first pause it is opened."""
    await asyncio.sleep(share * REFRESH_SECONDS)
    while time.monotonic() < until:
        milliseconds += await asyncio.gather(*(_panel(http, path) for path in panels()))
        await asyncio.sleep(REFRESH_SECONDS)


async def _panel(http: aiohttp.ClientSession, path: str) -> float:
    began = time.perf_counter()
    async with http.get(path) as answer:
        said = await answer.text()
        if answer.status != 200:
            raise RuntimeError(f"{path} answers {answer.status}: {said[:300]}")
    return (time.perf_counter() - began) * 1000


def _ways(url: str) -> Counter[str]:
    """Answers of the web process, by what the cache gave."""
    found: Counter[str] = Counter()
    for sample in (sample for family in families(url) for sample in family.samples):
        if sample.name == "millrace_metric_answers_total":
            found[sample.labels["cache"]] += int(sample.value)
    return found
