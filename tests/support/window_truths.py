"""What declared windows must say, asked of the raw rows by statements that know nothing of how windows are declared."""

from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from tables.live import Live
from tables.query import Query
from tests.support.store import Answers
from tests.support.waiting import eventually

LATE = 600
"""Seconds after a pane's end from which on, by the watermark in a row, its event is late."""
RATE = "events_per_second"
Place = tuple[int, int, tuple[str, ...]]
"""Shard (-1: all of them together), start in seconds since 1970, and key."""
Told = dict[Place, dict[str, Decimal]]
"""Numbers that are not zero, by measure, and by part of it after a point; places without any are left out."""


class Span(NamedTuple):
    """Windows that begin at `since` or later and end at `until` or before, seconds since 1970."""

    since: int
    until: int


class Truth(NamedTuple):
    """A window of `size` seconds, one every `slide`, and its numbers by statements."""

    size: int
    slide: int
    pane: int
    """Seconds after whose end an event can be late: what all windows of the same numbers are multiples of."""
    table: str
    rows: str
    """Which rows it counts."""
    numbers: Mapping[str, str]
    """Measure and expression; one that ends with `.*` gives a map by part."""
    key: str
    """An expression for the key's only part; empty for a total."""


def _count(*kinds: str) -> dict[str, str]:
    """By `measure=event type`."""
    return {name: f"countIf(event_type = '{kind}')" for name, kind in (each.split("=") for each in kinds)}


def _money(name: str, column: str, kind: str) -> dict[str, str]:
    amount = f"map(ifNull(currency, ''), toDecimal128(ifNull({column}, 0), 6))"
    return {f"{name}.*": f"sumMapIf({amount}, event_type = '{kind}')"}


def _distinct(*columns: str, of: str = "1") -> str:
    values = ", ".join(f"ifNull({column}, '')" for column in columns)
    return f"length(arrayFilter(each -> each != '', groupUniqArrayArrayIf([{values}], {of})))"


def _in(*kinds: str) -> str:
    return f"event_type IN ({', '.join(map(repr, kinds))})"


BOOKED = _count(*(f"{name}=booking.{name}" for name in ("created", "confirmed", "cancelled", "completed")))
PAID = {
    **_count("initiated=payment.initiated", "succeeded=payment.success", "failed=payment.failed"),
    **_money("revenue", "amount", "payment.success"),
    **_money("refunds", "refund_amount", "payment.refunded"),
}
SOLD = {
    **_count("purchased=ticket.purchased"),
    "tickets": "sumIf(quantity, event_type = 'ticket.purchased')",
    **_money("revenue", "amount", "ticket.purchased"),
}
SALES = {
    **SOLD,
    **_count("refunded=ticket.refunded", "checked_in=ticket.checked_in"),
    **_money("refunds", "refund_amount", "ticket.refunded"),
}
LOOKED = _count("viewed=event.viewed", "selected=ticket.selected", "checkouts=checkout.started")
STEPS = {
    "page": "page.viewed",
    "event": "event.viewed",
    "select": "ticket.selected",
    "checkout": "checkout.started",
    "purchase": "ticket.purchased",
}
ACTIVE = {"users": _distinct("user_id", "driver_id"), "drivers": _distinct("driver_id"), RATE: "count()"}
SEEN = {
    "pings": "round(sum(1 / sample_rate))",
    "drivers": _distinct("driver_id"),
    "drivers_free": _distinct("driver_id", of="ifNull(trip_id, '') = ''"),
}
DASHBOARD = {
    "users": _distinct("user_id"),
    "visits": _distinct("session_id"),
    RATE: "count()",
    **_count("page_views=page.viewed"),
    **SALES,
}
FUNNEL = {step: _distinct("session_id", of=f"event_type = '{kind}'") for step, kind in STEPS.items()}

MINUTE, FIVE, QUARTER, HOUR = (60, 60), (300, 300), (900, 300), (3600, 60)
CELL = "trim(LEADING '0' FROM lower(hex({})))"
"""As people write it."""


def _truths() -> dict[str, Truth]:
    """By window."""
    found: dict[str, Truth] = {}
    for name, size in (("1m", MINUTE), ("5m", FIVE), ("1h", HOUR)):
        found[f"rides.active.{name}"] = Truth(*size, 60, "events_raw", "topic != 'rides.location'", ACTIVE, "")
        dashed = "realtime_dashboard" if name == "5m" else f"ticketing.dashboard.{name}"
        found[dashed] = Truth(*size, 60, "events", "topic != 'ticketing.catalog'", DASHBOARD, "")
        rows = "event_type LIKE 'booking.%' AND pickup_city != ''"
        found[f"rides.bookings.by_city.{name}"] = Truth(*size, 60, "events_raw", rows, BOOKED, "pickup_city")
    for name, size in (("5m", FIVE), ("1h", (3600, 300))):
        rows = "topic = 'rides.payment' AND pickup_zone != ''"
        found[f"rides.payments.by_zone.{name}"] = Truth(*size, 300, "events_raw", rows, PAID, "pickup_zone")
    found["ticketing.sales.5m"] = Truth(*FIVE, 60, "events", "topic = 'ticketing.sales'", SALES, "")
    found["ticketing.funnel.5m"] = Truth(*FIVE, 60, "events", _in(*STEPS.values()), FUNNEL, "")
    for name, size in (("5m", FIVE), ("15m", QUARTER)):
        cell, rows = CELL.format("position_cell"), "topic = 'rides.location' AND position_cell != 0"
        found[f"rides.pings.by_cell.{name}"] = Truth(*size, 300, "events_raw", rows, SEEN, cell)
        cell, rows = CELL.format("pickup_cell"), "event_type = 'booking.created' AND pickup_cell != 0"
        found[f"rides.demand.by_cell.{name}"] = Truth(*size, 300, "events_raw", rows, {"created": "count()"}, cell)
    for name, key in (("organizer", "organizer_id"), ("event", "ticketed_event_id")):
        rows = _in(*list(STEPS.values())[1:])
        found[f"ticketing.sales.by_{name}.5m"] = Truth(*FIVE, 300, "events", rows, {**LOOKED, **SOLD}, key)
    return found


TRUTHS = _truths()
TUMBLING = [name for name, truth in TRUTHS.items() if truth.size == truth.slide]
"""The windows that are kept."""


async def of_rows(ask: Answers, windows: Collection[str], span: Span, *, by_shard: bool) -> dict[str, Told]:
    """What windows must say."""
    found: dict[str, Told] = {}
    for window in windows:
        truth = TRUTHS[window]
        rows = await ask.rows(_statement(truth, span, by_shard=by_shard))
        found[window] = {
            (shard, start, tuple(key)): told
            for shard, start, key, numbers in rows
            if (told := _flat(dict(zip(truth.numbers, numbers, strict=True))))
        }
    return found


def _statement(truth: Truth, span: Span, *, by_shard: bool) -> str:
    second = "toUnixTimestamp(occurred_at)"
    newest = f"intDiv({second}, {truth.slide}) * {truth.slide}"
    pane_end = f"intDiv({second}, {truth.pane}) * {truth.pane} + {truth.pane}"
    return f"""
        SELECT {"toInt32(shard)" if by_shard else "toInt32(-1)"} AS part,
            arrayJoin(arrayMap(n -> {newest} - n * {truth.slide}, range({truth.size // truth.slide}))) AS start,
            {f"[toString({truth.key})]" if truth.key else "emptyArrayString()"} AS name,
            tuple({", ".join(truth.numbers.values())})
        FROM {truth.table}
        WHERE {truth.rows} AND fromUnixTimestamp({pane_end} + {LATE}) > watermark
            AND start >= {span.since} AND start + {truth.size} <= {span.until}
        GROUP BY part, start, name"""


async def kept(ask: Answers, span: Span) -> dict[str, Told]:
    """The same of what is kept in ClickHouse, by shard."""
    found: dict[str, Told] = {name: {} for name in TUMBLING}
    sql = f"""
        SELECT window, toInt32(shard), toUnixTimestamp(starts_at) AS start, key, values FROM metrics_realtime_latest
        WHERE window IN {tuple(found)} AND start >= {span.since} AND toUnixTimestamp(ends_at) <= {span.until}"""
    for window, shard, start, key, values in await ask.rows(sql):
        if told := _told(window, values):
            found[window][shard, start, tuple(key)] = told
    return found


async def live(reader: Live, span: Span) -> dict[str, Told]:
    """The same of what Redis tells of all shards together."""
    view = await reader.read(*(Query(name, start=span.since, end=span.until) for name in TRUTHS))
    return {
        name: {
            (-1, row.start, tuple(row.key.values())): told
            for row in rows
            if row.end <= span.until and (told := _told(name, row.values))
        }
        for name, rows in zip(TRUTHS, view.rows, strict=True)
    }


async def equal(ask: Answers, reader: Live, closed: Span, told: Span, seconds: float = 60) -> None:
    """Wait until what is kept of closed windows, and what is told live, is what the rows say, of which all are there.

    Every window of either span must have something to say.
    """
    truths = await of_rows(ask, TUMBLING, closed, by_shard=True), await of_rows(ask, TRUTHS, told, by_shard=False)
    assert all(truth for of_all in truths for truth in of_all.values()), "a window has nothing to say"

    async def found() -> tuple[dict[str, Told], dict[str, Told]]:
        return await kept(ask, closed), await live(reader, told)

    async def same() -> bool:
        return await found() == truths

    try:
        await eventually("windows are those of the rows", same, seconds)
    except AssertionError:
        for is_, must in zip(await found(), truths, strict=True):
            for name, truth in must.items():
                assert is_[name] == truth, name
        raise


def _told(window: str, values: Mapping[str, Any]) -> dict[str, Decimal]:
    """What a window says, in the form of a truth; instead of a rate the events that it was made of."""
    rate = {RATE: round(float(values[RATE]) * TRUTHS[window].size)} if RATE in values else {}
    return _flat({**values, **rate})


def _flat(values: Mapping[str, Any]) -> dict[str, Decimal]:
    found: dict[str, Decimal] = {}
    for measure, value in values.items():
        if isinstance(value, Mapping):
            prefix = measure.removesuffix(".*")
            found |= {f"{prefix}.{part}": Decimal(number) for part, number in value.items()}
        else:
            found[measure] = Decimal(value)
    return {measure: number for measure, number in found.items() if number}
