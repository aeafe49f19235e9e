"""The worker's own pages: metrics, health, shards. Registered on Faust's web server by the worker."""

import html
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, Protocol

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from agents.gate import LOOK_SECONDS
from agents.live import Ends, lag
from agents.shard import State
from agents.shards import Shards
from streams import metrics

SHOWN = ("seq", "ingested_at", "rows", "ranges", "version")
"""Fields of an intent on the page; a verdict may be long."""
STYLE = """
body{font:15px system-ui;margin:2rem;max-width:75rem;color:#1d1d1f}
h1{font-size:1.5rem}h2{font-size:1.1rem;margin-top:2rem}
table{border-collapse:collapse;width:100%}td,th{padding:.35rem .8rem;border-bottom:1px solid #e3e3e6;text-align:left}
th{font-weight:600;color:#6e6e73}.running,.closed{color:#176f2c}.waiting,.recovering,.held{color:#9a6700}
.stopped{color:#b3261e;font-weight:600}
"""
STALL_SECONDS = 120.0
"""A running shard with lag that has neither moved its chain nor tried to for so long is stalled."""


NOT_RUNNING = {
    "state": str(State.HELD),
    "buffered_rows": 0,
    "buffered_bytes": 0,
    "lag": {},
    "recent": [],
    "intent": None,
}
"""What is told of a shard that is assigned and does not run."""
AWAY_SECONDS = 3 * LOOK_SECONDS
"""ClickHouse, which is asked every LOOK_SECONDS, counts as away when it has not answered for so long."""


class Asked(Ends, Protocol):
    """Asks for the ends of the topics too."""

    answers: bool
    """Whether the broker answered when it was asked last."""

    async def ask_ends(self) -> None: ...


GetShards = Callable[[], Shards | None]


def register(app: Any, get_shards: GetShards, group: Asked) -> None:
    """Add the pages to a Faust app."""

    @app.page("/metrics")
    async def metrics_page(view: Any, _: Any) -> Any:
        """Prometheus metrics."""
        await group.ask_ends()
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
        await group.ask_ends()
        ready, states = readiness(get_shards())
        gone = away(get_shards(), group)
        ready = ready and not gone
        return view.json({"ready": ready, "shards": states, "away": gone}, status=200 if ready else 503)

    @app.page("/health")
    async def health_page(view: Any, _: Any) -> Any:
        """Details for people; always 200."""
        await group.ask_ends()
        return view.json({"shards": describe(get_shards(), group)})

    @app.page("/shards")
    async def shards_page(view: Any, request: Any) -> Any:
        """Shards and the newest record of each chain."""
        return view.html(render(describe(get_shards(), group)))


def measure(shards: Shards | None, group: Ends) -> None:
    """Set the gauges that are only worth computing when somebody looks; of shards that have left nothing stays."""
    metrics.LAG.clear()
    metrics.SHARD_STATE.clear()
    for number, state in readiness(shards)[1].items():
        for each in State:
            metrics.SHARD_STATE.labels(number, each).set(each == state)
    for number, shard in (shards.running if shards else {}).items():
        for topic, records in lag(shard, group).items():
            metrics.LAG.labels(topic, number).set(records)


def stalled_shards(shards: Shards | None, group: Ends) -> list[int]:
    """Shards that should move and do not."""
    now = time.monotonic()
    return [
        number
        for number, shard in (shards.running if shards else {}).items()
        if shard.state is State.RUNNING
        and shard.pulse.silent_seconds(now) > STALL_SECONDS
        and any(lag(shard, group).values())
    ]


def readiness(shards: Shards | None) -> tuple[bool, dict[int, str]]:
    """Whether every shard runs, and the state of each."""
    if shards is None:
        return False, {}
    states = {
        number: str(State.WAITING if shard.is_waiting else shard.state) for number, shard in shards.running.items()
    }
    states |= dict.fromkeys(held(shards), str(State.HELD))
    return all(state in (State.RUNNING, State.CLOSED) for state in states.values()), states


def held(shards: Shards | None) -> dict[int, str]:
    """The shards of this worker's assignment that do not run, and why."""
    if shards is None:
        return {}
    why = shards.around.gate.reason or "it is about to start"
    found = dict.fromkeys(sorted(shards.assigned - shards.running.keys()), why)
    return found | dict.fromkeys(sorted(shards.partial), "another worker has some of its topics")


def away(shards: Shards | None, group: Asked) -> list[str]:
    """The parts that do not answer, whether a shard needs them just now or not."""
    if shards is None or not shards.assigned:
        return []
    found = {"broker": not group.answers, "clickhouse": shards.around.gate.silent_seconds > AWAY_SECONDS}
    return [name for name, is_away in found.items() if is_away]


def describe(shards: Shards | None, group: Ends) -> list[dict[str, Any]]:
    """One dictionary a shard, for people and tools."""
    found: list[dict[str, Any]] = [
        NOT_RUNNING | {"shard": number, "problem": why} for number, why in held(shards).items()
    ]
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
                "recent": [{name: getattr(each, name) for name in SHOWN} for each in shard.proposer.recent],
                "intent": None
                if last is None
                else {"chain": last.chain, "seq": last.seq, "nonce": last.nonce, "rows": last.rows, "ends": last.ends},
            }
        )
    return sorted(found, key=lambda shard: int(shard["shard"]))


def render(shards: list[dict[str, Any]]) -> str:
    """The page of shards and their newest intents."""
    states = [
        (
            shard["shard"],
            f"<span class={shard['state']}>{shard['state']}</span>",
            f"{shard['buffered_rows']:,}",
            f"{sum(shard['lag'].values()):,}",
            html.escape((shard["intent"] or {}).get("chain", "")),
            (shard["intent"] or {}).get("seq", ""),
            html.escape(shard["problem"]),
        )
        for shard in shards
    ]
    intents = [
        (
            shard["shard"],
            each["seq"],
            f"{datetime.fromtimestamp(each['ingested_at'] / 1000, UTC):%H:%M:%S}" if each["ingested_at"] else "closed",
            ", ".join(f"{html.escape(table)} {count:,}" for table, count in each["rows"].items()),
            f"{sum(end - start for start, end in each['ranges'].values()):,}",
            html.escape(each["version"]),
        )
        for shard in shards
        for each in shard["recent"]
    ]
    return (
        "<!doctype html><meta charset=utf-8><meta http-equiv=refresh content=2><title>Millrace shards</title>"
        f"<style>{STYLE}</style><h1>Shards of this worker</h1>"
        + _table(("Shard", "State", "Buffered rows", "Lag", "Chain", "Intent", "Problem"), states)
        + "<h2>Newest intents</h2>"
        + _table(("Shard", "Intent", "Ingested, UTC", "Rows", "Offsets", "Version"), intents)
        + "<p><a href=/windows>windows</a> · <a href=/watermarks>watermarks</a> · "
        "<a href=/health>health</a> · <a href=/ready>ready</a> · <a href=/live>live</a> · "
        "<a href=/metrics>metrics</a>"
    )


def _table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """Cells must be safe HTML."""
    lines = "".join(f"<tr>{''.join(f'<td>{cell}' for cell in row)}" for row in rows)
    return f"<table><tr>{''.join(f'<th>{name}' for name in head)}{lines}</table>"
