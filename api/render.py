"""Turns what `tables.live` found into the bodies of answers; pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from tables.aggregates import Aggregate, Money, Top
from tables.live import Row, ShardView, View
from tables.query import Query
from tables.window import Declared, Measures, Session, Window

HOUR = 3600
MINUTES = 60
"""Minutes that the dashboard shows."""
DEMAND, DRIVERS = "rides.demand.by_cell.15m", "rides.pings.by_cell.15m"
ZONES = "rides.bookings.by_zone.5m"
BUSIEST = 6
MOST_CELLS = 2000
"""Cells of the dashboard at most: it is sent several times a second, and draws each."""
INTERACTIONS = "ticketing.interactions.1h"


def moment(seconds: float) -> str:
    """A time as RFC 3339 in UTC; whole seconds are written without a point."""
    at = datetime.fromtimestamp(seconds, UTC)
    return at.isoformat(timespec="milliseconds" if at.microsecond else "seconds").replace("+00:00", "Z")


def head(view: View) -> dict[str, Any]:
    """What every answer says of itself."""
    return {
        "as_of": moment(view.as_of / 1000) if view.as_of else None,
        "watermark": moment(view.watermark / 1000) if view.watermark else None,
        "lateness_seconds": round((view.as_of - view.watermark) / 1000, 3) if view.as_of and view.watermark else None,
        "complete": view.complete,
        "stale_shards": list(view.stale),
        "active_sessions": _active(view),
        "shards": [_shard(each) for each in view.shards],
    }


def _active(view: View) -> dict[str, int]:
    """Sessions that go on, all shards together; a silent one counts with what it said last."""
    found: Counter[str] = Counter()
    for each in view.shards:
        if each.status is not None:
            found.update(each.status.sessions)
    return dict(sorted(found.items()))


def _shard(view: ShardView) -> dict[str, Any]:
    found: dict[str, Any] = {
        "shard": view.shard,
        "stale": view.stale,
        "alive": view.alive,
        "other_version": view.other_version,
        "age_seconds": None if view.age_seconds is None else round(view.age_seconds, 1),
        "as_of": None,
    }
    status = view.status
    if status is not None:
        found |= {
            "as_of": moment(status.as_of / 1000),
            "watermark": moment(status.watermark / 1000) if status.watermark else None,
            "state": status.state,
            "seq": status.seq,
            "lag": status.lag,
            "freshness_p95_seconds": status.freshness_p95,
            "late": status.late,
            "rows": status.rows,
            "dead_letters": status.dead,
            "active_sessions": status.sessions,
            "worker": status.worker,
        }
    return found


def hourly(declared: Declared) -> list[Window]:
    """The windows that hold the last hour of a whole domain."""
    return [window for window in declared.windows.values() if window.size == HOUR and not window.over.key]


def minutely(declared: Declared) -> list[Window]:
    """The windows that hold one minute of a whole domain."""
    return [window for window in declared.windows.values() if window.size == 60 and not window.over.key]


def realtime_queries(declared: Declared) -> tuple[Query, ...]:
    """What `realtime` needs."""
    return tuple(Query(window.name) for window in hourly(declared))


def realtime(declared: Declared, view: View) -> dict[str, Any]:
    """The last hour of each domain."""
    return head(view) | _hour(hourly(declared), view.rows)


def _hour(windows: Sequence[Window], found: Iterable[tuple[Row, ...]]) -> dict[str, Any]:
    domains: dict[str, dict[str, Any]] = {}
    period: dict[str, Any] = {}
    for window, rows in zip(windows, found, strict=True):
        domain, _, measures = window.over.name.partition(".")
        (row,) = rows
        domains.setdefault(domain, {})[measures] = shown(row.values, window.over.measures)
        period = {"start": moment(row.start), "end": moment(row.end)}
    return {"period": period, "domains": domains}


def shown(values: Mapping[str, Any], measures: Sequence[Aggregate]) -> dict[str, Any]:
    """Values as JSON has them; the most frequent as objects."""
    tops = {measure.name for measure in measures if isinstance(measure, Top)}
    return {
        name: [{"value": each, "count": count} for each, count in value] if name in tops else value
        for name, value in values.items()
    }


def windows(declared: Declared) -> list[dict[str, Any]]:
    """Every window and what it measures."""
    return [
        {
            "name": window.name,
            "domain": window.over.domain.name,
            "doc": window.over.doc,
            "size_seconds": window.size,
            "slide_seconds": window.slide,
            "pane_seconds": declared.slices[window.over.name].pane,
            "kept_seconds": declared.slices[window.over.name].keep,
            "lateness_seconds": window.over.lateness,
            "key": list(window.over.key),
            "session": _session(declared.sessions.get(window.name)),
            "events": list(window.over.on),
            "measures": _measures(window.over),
        }
        for window in declared.windows.values()
    ]


def _session(session: Session | None) -> dict[str, Any] | None:
    if session is None:
        return None
    return {"gap_seconds": session.gap, "key": list(session.key), "measures": _measures(session)}


def _measures(over: Measures) -> list[dict[str, Any]]:
    return [
        {
            "name": measure.name,
            "kind": type(measure).__name__.lower(),
            "unit": measure.unit or ("amount by currency" if isinstance(measure, Money) else ""),
            "doc": measure.doc,
            "events": list(measure.on or over.on),
        }
        for measure in over.measures
    ]


def window_answer(window: Window, view: View) -> dict[str, Any]:
    """The rows of one window."""
    (rows,) = view.rows
    named = {"name": window.name, "size_seconds": window.size, "slide_seconds": window.slide}
    return head(view) | named | {"rows": [_row(window, row) for row in rows]}


def _row(window: Window, row: Row) -> dict[str, Any]:
    return {
        "start": moment(row.start),
        "end": moment(row.end),
        "closed": row.closed,
        "kept": row.kept,
        "key": row.key,
        "values": shown(row.values, window.over.measures),
    }


def dashboard_queries(declared: Declared) -> tuple[Query, ...]:
    """What `dashboard` needs: the hour, its minutes, cells and interactions."""
    minutes = (Query(window.name, last=MINUTES) for window in minutely(declared))
    places = (Query(DEMAND), Query(DRIVERS), Query(ZONES, last=3))
    return (*realtime_queries(declared), *minutes, *places, Query(INTERACTIONS))


def dashboard(declared: Declared, view: View) -> dict[str, Any]:
    """All that the dashboard shows."""
    hours, minutes = hourly(declared), minutely(declared)
    of_minutes = view.rows[len(hours) : len(hours) + len(minutes)]
    demand, drivers, zones, interactions = view.rows[len(hours) + len(minutes) :]
    return {
        **head(view),
        **_hour(hours, view.rows[: len(hours)]),
        "minutes": {
            "starts": [row.start for row in of_minutes[0]],
            "closed": [row.closed for row in of_minutes[0]],
            "windows": {
                window.over.name: series(window, rows) for window, rows in zip(minutes, of_minutes, strict=True)
            },
        },
        "cells": _cells(demand, drivers),
        "zones": _zones(zones),
        "interactions": {row.key["event_type"]: row.values["events"] for row in interactions},
    }


def series(window: Window, rows: Sequence[Row]) -> dict[str, Any]:
    """The values of neighbouring windows by measure; where a measure has parts, by part: a currency, a quantile."""
    found: dict[str, Any] = {}
    for measure in window.over.measures:
        values = [row.values[measure.name] for row in rows]
        if isinstance(measure, Top):
            continue
        if isinstance(values[0], Mapping):
            parts = sorted({part for value in values for part in value})
            found[measure.name] = {part: [value.get(part) for value in values] for part in parts}
        else:
            found[measure.name] = values
    return found


def _cells(demand: Sequence[Row], drivers: Sequence[Row]) -> list[dict[str, Any]]:
    """Bookings asked for and free drivers seen in the busiest cells, the last quarter of an hour."""
    asked = {row.key["pickup_cell"]: row.values["created"] for row in demand}
    seen = {row.key["position_cell"]: row.values["drivers_free"] for row in drivers}
    busiest = sorted({*asked, *seen}, key=lambda cell: (-asked.get(cell, 0), -seen.get(cell, 0), cell))[:MOST_CELLS]
    return [{"cell": cell, "bookings": asked.get(cell, 0), "drivers": seen.get(cell, 0)} for cell in sorted(busiest)]


def _zones(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """The pickup zones with most bookings over some neighbouring windows."""
    asked: Counter[str] = Counter()
    for row in rows:
        asked[row.key["pickup_zone"]] += row.values["created"]
    ordered = sorted((+asked).items(), key=lambda item: (-item[1], item[0]))
    return [{"zone": zone, "bookings": count} for zone, count in ordered[:BUSIEST]]
