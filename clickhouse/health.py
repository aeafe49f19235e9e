"""Is a ClickHouse server well? Each check asks it one thing and says what it found, in words and figures."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from clickhouse.lock import PREFIX
from clickhouse.preflight import CLOCKS_APART_SECONDS
from streams.settings import Settings

TRIED_VERSION = (26, 9)
"""The release that all tests run on; an older one may lack a setting or engine."""
DISK_WARNING, DISK_FAILURE = 0.2, 0.05
"""Share of a disk that is free."""
SLOW_SECONDS = 1.0
MUTATION_SECONDS = 600
DELAY_SECONDS = 300
QUEUE = 1000


class Status(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: str
    status: Status
    detail: str
    figures: dict[str, Any] = field(default_factory=dict)


def look(client: Client, settings: Settings) -> list[Check]:
    """All checks of one server. A question that it refuses is a failed check, not the end."""
    return [_asked(name, check, client, settings) for name, check in CHECKS.items()]


def _asked(name: str, check: "Ask", client: Client, settings: Settings) -> Check:
    try:
        status, detail, figures = check(client, settings)
    except (ClickHouseError, OSError) as error:
        return Check(name, Status.FAILED, f"could not be asked: {str(error).splitlines()[0]}")
    return Check(name, status, detail, figures)


Found = tuple[Status, str, dict[str, Any]]
Ask = Callable[[Client, Settings], Found]


def _rows(client: Client, sql: str, **given: Any) -> list[dict[str, Any]]:
    return list(client.query(sql, parameters=given).named_results())


def _answers(client: Client, settings: Settings) -> Found:
    began = time.monotonic()
    client.command("SELECT 1")
    seconds = round(time.monotonic() - began, 3)
    status = Status.OK if seconds < SLOW_SECONDS else Status.WARNING
    return status, f"answers in {seconds * 1000:.0f} ms", {"seconds": seconds}


def _version(client: Client, settings: Settings) -> Found:
    (row,) = _rows(client, "SELECT version() AS version, uptime() AS uptime")
    number = tuple(map(int, row["version"].split(".")[:2]))
    status = Status.OK if number >= TRIED_VERSION else Status.WARNING
    wanted = "" if status is Status.OK else f"; older than {'.'.join(map(str, TRIED_VERSION))}, which is tested"
    return status, f"{row['version']}, up for {row['uptime']} s{wanted}", row


def _clock(client: Client, settings: Settings) -> Found:
    before = time.time()
    (row,) = _rows(client, "SELECT toUnixTimestamp64Milli(now64(3)) / 1000 AS now")
    apart = round(row["now"] - (before + time.time()) / 2, 3)
    status = Status.OK if abs(apart) < 1 else Status.WARNING if abs(apart) <= CLOCKS_APART_SECONDS else Status.FAILED
    return status, f"its clock is {apart:+.3f} s from this machine's", {"seconds": apart}


def _disks(client: Client, settings: Settings) -> Found:
    rows = _rows(client, "SELECT name, free_space AS free, total_space AS total FROM system.disks ORDER BY name")
    shares = {row["name"]: row["free"] / row["total"] if row["total"] else 1.0 for row in rows}
    least = min(shares.values(), default=1.0)
    status = Status.FAILED if least < DISK_FAILURE else Status.WARNING if least < DISK_WARNING else Status.OK
    words = ", ".join(f"{name} {share:.0%} free" for name, share in shares.items())
    return status, words, {row["name"]: {"free": row["free"], "total": row["total"]} for row in rows}


def _parts(client: Client, settings: Settings) -> Found:
    rows = _rows(
        client,
        "SELECT table, partition, count() AS parts FROM system.parts WHERE active AND database = {d:String} "
        "GROUP BY table, partition ORDER BY parts DESC LIMIT 1",
        d=settings.clickhouse_database,
    )
    if not rows:
        return Status.OK, "no rows yet", {"parts": 0}
    (row,) = rows
    # ClickHouse itself delays inserts from 1,000 parts on and refuses them from 3,000 on.
    soft = settings.batch_parts_soft_limit
    status = Status.FAILED if row["parts"] >= 1000 else Status.WARNING if row["parts"] > soft else Status.OK
    return status, f"at most {row['parts']} parts, in {row['table']} of {row['partition']}", row


def _mutations(client: Client, settings: Settings) -> Found:
    rows = _rows(
        client,
        "SELECT table, command, latest_fail_reason AS reason, dateDiff('second', create_time, now()) AS age "
        "FROM system.mutations WHERE database = {d:String} AND NOT is_done ORDER BY create_time",
        d=settings.clickhouse_database,
    )
    stuck = [row for row in rows if row["reason"] or row["age"] > MUTATION_SECONDS]
    if stuck:
        first = stuck[0]
        why = first["reason"] or f"runs for {first['age']} s"
        return Status.FAILED, f"{len(stuck)} stuck; {first['table']}: {first['command']}: {why}", {"stuck": len(stuck)}
    return Status.OK, f"{len(rows)} running, none stuck", {"running": len(rows), "stuck": 0}


def _replication(client: Client, settings: Settings) -> Found:
    rows = _rows(
        client,
        "SELECT table, is_readonly, is_session_expired, queue_size, absolute_delay, total_replicas, active_replicas "
        "FROM system.replicas WHERE database = {d:String} ORDER BY table",
        d=settings.clickhouse_database,
    )
    if not rows:
        status = Status.FAILED if settings.clickhouse_cluster else Status.OK
        return status, "no table is replicated", {"tables": 0}
    closed = [row["table"] for row in rows if row["is_readonly"] or row["is_session_expired"]]
    behind = [row["table"] for row in rows if row["queue_size"] > QUEUE or row["absolute_delay"] > DELAY_SECONDS]
    alone = [row["table"] for row in rows if row["active_replicas"] < row["total_replicas"]]
    figures = {
        "tables": len(rows),
        "queue": sum(row["queue_size"] for row in rows),
        "delay": max(row["absolute_delay"] for row in rows),
    }
    if closed:
        return Status.FAILED, f"read-only, so no insert is taken: {', '.join(closed[:5])}. Is the Keeper up?", figures
    if behind or alone:
        said = [f"behind: {', '.join(behind[:5])}"] if behind else []
        said += [f"a replica is away: {', '.join(alone[:5])}"] if alone else []
        return Status.WARNING, "; ".join(said), figures
    return Status.OK, f"{len(rows)} tables, {figures['queue']} entries queued, {figures['delay']} s behind", figures


def _views(client: Client, settings: Settings) -> Found:
    """A view whose target is gone, or lacks one of its columns, refuses the insert into its source."""
    database = settings.clickhouse_database
    views = _rows(
        client,
        "SELECT name, extract(create_table_query, ' TO [^ ]+\\\\.`?([A-Za-z0-9_]+)`?') AS target FROM system.tables "
        "WHERE database = {d:String} AND engine = 'MaterializedView' ORDER BY name",
        d=database,
    )
    columns: dict[str, set[str]] = {}
    for row in _rows(client, "SELECT table, name FROM system.columns WHERE database = {d:String}", d=database):
        columns.setdefault(row["table"], set()).add(row["name"])
    wrong = []
    for view in views:
        target = columns.get(view["target"])
        if target is None:
            wrong.append(f"{view['name']}: its target {view['target']} is missing")
        elif lacking := columns.get(view["name"], set()) - target:
            wrong.append(f"{view['name']}: its target {view['target']} lacks {', '.join(sorted(lacking))}")
    status = Status.FAILED if wrong else Status.OK
    return status, "; ".join(wrong) or f"{len(views)} views have their targets", {"views": len(views)}


def tables(client: Client, settings: Settings) -> list[dict[str, Any]]:
    """Every table and view: engine, rows, bytes on disk and parts, as the report lists them."""
    return _rows(
        client,
        "SELECT name, engine, ifNull(total_rows, 0) AS rows, ifNull(total_bytes, 0) AS bytes, ifNull(parts, 0) AS parts"
        " FROM system.tables WHERE database = {d:String} AND NOT startsWith(name, {lock:String}) "
        "AND NOT startsWith(name, '.') ORDER BY engine LIKE '%View', name",
        d=settings.clickhouse_database,
        lock=PREFIX,
    )


CHECKS: dict[str, Ask] = {
    "answers": _answers,
    "version": _version,
    "clock": _clock,
    "disk space": _disks,
    "parts": _parts,
    "mutations": _mutations,
    "replication": _replication,
    "views": _views,
}
"""Every check by its name, in the order of the report."""
