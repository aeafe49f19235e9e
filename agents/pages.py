"""The worker's own pages: metrics, health, shards. Registered on Faust's web server by the worker."""

import html
import time
from collections.abc import Callable
from typing import Any, Protocol

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from agents.shard import Shard, State
from agents.shards import Shards
from streams import metrics

STALL_SECONDS = 120.0
"""A running shard with lag whose chain has not moved for so long is stalled."""


class Ends(Protocol):
    """Tells the ends of a shard's topics."""

    def ends(self, shard: int) -> dict[str, int | None]: ...


GetShards = Callable[[], Shards | None]


def register(app: Any, get_shards: GetShards, group: Ends) -> None:
    """Add the pages to a Faust app."""

    @app.page("/metrics")
    async def metrics_page(view: Any, _: Any) -> Any:
        """Prometheus metrics."""
        measure(get_shards(), group)
        return view.bytes(generate_latest(metrics.REGISTRY), headers={"Content-Type": CONTENT_TYPE_LATEST})

    @app.page("/live")
    async def live_page(view: Any, _: Any) -> Any:
        """Liveness: offsets move while there is lag; never a dependency."""
        stalled = stalled_shards(get_shards(), group)
        return view.json({"live": not stalled, "stalled": stalled}, status=503 if stalled else 200)

    @app.page("/ready")
    async def ready_page(view: Any, _: Any) -> Any:
        """Readiness: every shard of this worker is recovered and its parts answer."""
        ready, states = readiness(get_shards())
        return view.json({"ready": ready, "shards": states}, status=200 if ready else 503)

    @app.page("/health")
    async def health_page(view: Any, _: Any) -> Any:
        """Details for people; always 200."""
        return view.json({"shards": describe(get_shards(), group)})

    @app.page("/shards")
    async def shards_page(view: Any, request: Any) -> Any:
        """Shards and the newest record of each chain."""
        return view.html(render(describe(get_shards(), group)))


def lag(shard: Shard, group: Ends) -> dict[str, int]:
    """Per topic the records that no delivered batch has taken."""
    last = shard.proposer.chain.last
    taken = last.ends if last is not None else {}
    return {topic: max(0, end - taken.get(topic, 0)) for topic, end in group.ends(shard.number).items() if end}


def measure(shards: Shards | None, group: Ends) -> None:
    """Set the gauges that are only worth computing when somebody looks."""
    for number, shard in (shards.running if shards else {}).items():
        for topic, records in lag(shard, group).items():
            metrics.LAG.labels(topic, number).set(records)


def stalled_shards(shards: Shards | None, group: Ends) -> list[int]:
    """Shards that should move and do not."""
    now = time.monotonic()
    return [
        number
        for number, shard in (shards.running if shards else {}).items()
        if shard.state is State.RUNNING and shard.idle_seconds(now) > STALL_SECONDS and any(lag(shard, group).values())
    ]


def readiness(shards: Shards | None) -> tuple[bool, dict[int, str]]:
    """Whether every shard runs, and the state of each."""
    if shards is None:
        return False, {}
    states = {
        number: str(State.WAITING if shard.is_waiting else shard.state) for number, shard in shards.running.items()
    }
    states |= {number: str(State.HELD) for number in shards.partial | shards.assigned - shards.running.keys()}
    return all(state in (State.RUNNING, State.CLOSED) for state in states.values()), states


def describe(shards: Shards | None, group: Ends) -> list[dict[str, Any]]:
    """One dictionary a shard, for people and tools."""
    found = []
    for number, shard in sorted((shards.running if shards else {}).items()):
        last = shard.proposer.chain.last
        found.append(
            {
                "shard": number,
                "state": str(State.WAITING if shard.is_waiting else shard.state),
                "problem": shard.problem,
                "buffered_rows": shard.buffer.rows,
                "buffered_bytes": shard.buffer.size,
                "lag": lag(shard, group),
                "intent": None
                if last is None
                else {"chain": last.chain, "seq": last.seq, "nonce": last.nonce, "rows": last.rows, "ends": last.ends},
            }
        )
    return found


def render(shards: list[dict[str, Any]]) -> str:
    """The page of shards and intents."""
    rows = "".join(
        f"<tr><td>{s['shard']}<td class={s['state']}>{s['state']}<td>{s['buffered_rows']:,}"
        f"<td>{sum(s['lag'].values()):,}<td>{(s['intent'] or {}).get('seq', '')}"
        f"<td>{html.escape(str((s['intent'] or {}).get('rows', '')))}<td>{html.escape(s['problem'])}"
        for s in shards
    )
    return (
        "<!doctype html><meta charset=utf-8><meta http-equiv=refresh content=2><title>Millrace shards</title>"
        "<style>body{font:15px system-ui;margin:2rem;max-width:70rem}table{border-collapse:collapse;width:100%}"
        "td,th{padding:.4rem .8rem;border-bottom:1px solid #ddd;text-align:left}"
        ".running,.closed{color:#176f2c}.waiting,.recovering{color:#9a6700}.stopped{color:#b3261e;font-weight:600}"
        "</style><h1>Shards of this worker</h1><table><tr><th>Shard<th>State<th>Buffered rows<th>Lag<th>Intent"
        f"<th>Rows of it<th>Problem</tr>{rows}</table>"
        "<p><a href=/health>health</a> · <a href=/ready>ready</a> · <a href=/live>live</a> · "
        "<a href=/metrics>metrics</a>"
    )
