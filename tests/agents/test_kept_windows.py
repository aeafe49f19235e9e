"""Closed windows that are kept, held to questions about the raw rows that know nothing of how they are declared."""

import time

import pytest

from streams.settings import Settings
from tests.agents.test_windows import load, recovered
from tests.support.feed import pipeline
from tests.support.store import Answers
from tests.support.waiting import eventually

pytestmark = pytest.mark.slow

START = "toUnixTimestamp(toStartOfInterval(occurred_at, INTERVAL 5 MINUTE)) AS start"
IN_TIME = "toStartOfInterval(occurred_at, INTERVAL {pane} MINUTE) + INTERVAL {late} MINUTE > watermark"
"""Ten minutes after its pane; of windows that are also told by the minute the pane is a minute."""
CLOSED = "start + 300 <= {now}"
BY_MINUTE, BY_FIVE = (f"{IN_TIME.format(pane=pane, late=pane + 10)} AND {CLOSED}" for pane in (1, 5))
HEX = "trim(LEADING '0' FROM lower(hex({column})))"
"""A cell as people write it."""
MONEY = (
    "sumMapIf(map(concat('{name}.', ifNull(currency, '')), toDecimal128(ifNull({column}, 0), 6)), "
    "event_type = '{kind}')"
)
REVENUE = MONEY.format(name="revenue", column="amount", kind="ticket.purchased")
REFUNDS = MONEY.format(name="refunds", column="refund_amount", kind="ticket.refunded")
SALES = f"countIf(event_type = 'ticket.purchased'), sumIf(quantity, event_type = 'ticket.purchased'), {REVENUE}"

TRUTHS = {
    "realtime_dashboard": f"""
        SELECT shard, {START}, emptyArrayString() AS key,
            uniqExact(nullIf(user_id, '')), uniqExact(nullIf(session_id, '')), count(),
            countIf(event_type = 'page.viewed'), {SALES},
            countIf(event_type = 'ticket.refunded'), {REFUNDS}, countIf(event_type = 'ticket.checked_in')
        FROM events WHERE topic != 'ticketing.catalog' AND {BY_MINUTE} GROUP BY ALL ORDER BY shard, start, key""",
    "rides.active.5m": f"""
        SELECT shard, {START}, emptyArrayString() AS key,
            uniqExact(nullIf(user_id, '')), uniqExact(nullIf(driver_id, '')), count()
        FROM events_raw WHERE topic != 'rides.location' AND {BY_MINUTE} GROUP BY ALL ORDER BY shard, start, key""",
    "rides.pings.by_cell.5m": f"""
        SELECT shard, {START}, [{HEX.format(column="position_cell")}] AS key,
            round(sum(1 / sample_rate)), uniqExact(driver_id), uniqExactIf(driver_id, ifNull(trip_id, '') = '')
        FROM events_raw WHERE topic = 'rides.location' AND position_cell != 0 AND {BY_FIVE}
        GROUP BY ALL ORDER BY shard, start, key""",
    "rides.demand.by_cell.5m": f"""
        SELECT shard, {START}, [{HEX.format(column="pickup_cell")}] AS key, count()
        FROM events_raw WHERE event_type = 'booking.created' AND pickup_cell != 0 AND {BY_FIVE}
        GROUP BY ALL ORDER BY shard, start, key""",
} | {
    f"ticketing.sales.by_{name}.5m": f"""
        SELECT shard, {START}, [{column}] AS key, countIf(event_type = 'event.viewed'),
            countIf(event_type = 'ticket.selected'), countIf(event_type = 'checkout.started'), {SALES}
        FROM events WHERE event_type IN ('event.viewed', 'ticket.selected', 'checkout.started', 'ticket.purchased')
            AND {BY_FIVE} GROUP BY ALL ORDER BY shard, start, key"""
    for name, column in (("organizer", "organizer_id"), ("event", "ticketed_event_id"))
}
"""By window the same numbers from rows, in the order of `NUMBERS`."""
SOLD = ("purchased", "tickets", "revenue.*")
NUMBERS = {
    "realtime_dashboard": (
        *("users", "visits", "events_per_second", "page_views"),
        *(*SOLD, "refunded", "refunds.*", "checked_in"),
    ),
    "rides.active.5m": ("users", "drivers", "events_per_second"),
    "rides.pings.by_cell.5m": ("pings", "drivers", "drivers_free"),
    "rides.demand.by_cell.5m": ("created",),
    "ticketing.sales.by_organizer.5m": ("viewed", "selected", "checkouts", *SOLD),
    "ticketing.sales.by_event.5m": ("viewed", "selected", "checkouts", *SOLD),
}


def kept(window: str, now: int) -> str:
    """The statement that reads the numbers of a window's closed ones."""
    read = {
        name: f"mapFilter((name, amount) -> startsWith(name, '{name[:-1]}'), values)"
        if name.endswith("*")
        else f"round(values['{name}'] * {300 if name == 'events_per_second' else 1})"
        for name in NUMBERS[window]
    }
    return (
        f"SELECT shard, toUnixTimestamp(starts_at) AS start, key, {', '.join(read.values())} "
        f"FROM metrics_realtime_latest WHERE window = '{window}' AND start + 300 <= {now} ORDER BY shard, start, key"
    )


async def test_kept_windows_are_those_of_the_rows(ready: Settings, ask: Answers) -> None:
    """Each name by itself: people, sales by organiser and ticketed event, pings and demand by cell, the dashboard."""
    quick = ready.model_copy(
        update={"watermark_idle_seconds": 0.5, "watermark_disorder_seconds": 1.0, "location_sample_rate": 0.5}
    )
    differ: dict[str, object] = {}

    async def equal() -> bool:
        now = int(time.time()) // 300 * 300
        for window, sql in TRUTHS.items():
            truth, found = await ask.rows(sql.format(now=now)), await ask.rows(kept(window, now))
            if len(truth) < 5 or found != truth:
                differ[window] = (
                    len(truth),
                    [pair for pair in zip(truth, found, strict=False) if pair[0] != pair[1]][:2],
                )
            else:
                differ.pop(window, None)
        return not differ

    async with pipeline(quick) as worker:
        await recovered(worker)
        await load(quick, 0)
        try:
            await eventually("closed windows are those of the rows", equal)
        except AssertionError as error:
            raise AssertionError(f"{error}: rows, then truth and kept: {differ}") from error


@pytest.fixture(name="windows")
def with_windows() -> bool:
    """They are what this is about."""
    return True
