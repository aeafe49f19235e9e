"""Every metric computed once more, in plain Python over plain rows, without a look at the catalogue's SQL."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

Line = Mapping[str, Any]
Lines = Sequence[Line]
Compute = Callable[[Lines], Any]
PING = "driver.location.updated"


@dataclass(frozen=True)
class Oracle:
    """How one metric is computed from the rows of a group."""

    types: tuple[str, ...]
    """Event types that count; none: all but positions."""
    compute: Compute
    time: str = "occurred_at"
    """The field that tells the period; a type that lacks it goes by its own time."""
    days: int = 0
    where: Callable[[Line], bool] = lambda _: True
    """Which rows count."""


def _count(*types: str) -> Compute:
    return lambda lines: sum(1 for line in lines if not types or line["event_type"] in types)


def _sum(field: str, *types: str) -> Compute:
    return lambda lines: sum((line[field] or 0 for line in lines if not types or line["event_type"] in types), 0)


def _over(above: Compute, below: Compute) -> Compute:
    def ratio(lines: Lines) -> Any:
        number, of = above(lines), below(lines)
        if not of:
            return None
        return number / of if isinstance(number, Decimal) else float(number) / float(of)

    return ratio


def _distinct(who: Callable[[Line], Any], *types: str) -> Compute:
    return lambda lines: len({who(line) for line in lines if not types or line["event_type"] in types} - {None, ""})


def _given(field: str) -> Compute:
    return lambda lines: sum(1 for line in lines if line[field] is not None)


def at_level(ordered: Sequence[Any], level: float) -> Any:
    """The element of which this share lies below."""
    return ordered[min(math.floor(level * len(ordered)), len(ordered) - 1)] if ordered else None


def _milliseconds(line: Line) -> int:
    passed: timedelta = line["occurred_at"] - line["initiated_at"]
    return max(0, round(passed / timedelta(milliseconds=1)))


def _people(lines: Lines) -> int:
    return len({line[field] for line in lines for field in ("user_id", "driver_id")} - {None, ""})


def _earned(lines: Lines) -> list[Decimal]:
    by_driver: dict[str, Decimal] = {}
    for line in lines:
        by_driver[line["driver_id"]] = by_driver.get(line["driver_id"], Decimal()) + line["driver_earnings"]
    return sorted(by_driver.values())


def _visitor(line: Line) -> Any:
    return line["user_id"] if line["user_id"] is not None else line["session_id"]


def _less(one: Compute, other: Compute) -> Compute:
    return lambda lines: one(lines) - other(lines)


_ENDED = ("payment.success", "payment.failed")
_VISIT = ("page.viewed", "event.viewed", "event.searched", "checkout.started", "ticket.purchased")
_STEPS = ("page.viewed", "event.viewed", "ticket.selected", "checkout.started", "ticket.purchased")
_SALE = ("ticket.purchased", "ticket.refunded")


def _all(event_type: str) -> Oracle:
    return Oracle((event_type,), _count())


def _total(event_type: str, field: str) -> Oracle:
    return Oracle((event_type,), _sum(field))


def _mean(event_type: str, field: str) -> Oracle:
    return Oracle((event_type,), _over(_sum(field), _given(field)))


def _share(event_type: str, of: str, time: str = "occurred_at") -> Oracle:
    return Oracle((event_type, of), _over(_count(event_type), _count(of)), time)


def _people_share(event_type: str, of: str) -> Oracle:
    return Oracle((event_type, of), _over(_distinct(_visitor, event_type), _distinct(_visitor, of)))


def _driver(line: Line) -> Any:
    return line["driver_id"]


def _spread(level: float) -> Oracle:
    return Oracle(("trip.completed",), lambda lines: at_level(_earned(lines), level))


def _percentile(event_type: str, level: float, of: Callable[[Line], float]) -> Oracle:
    return Oracle((event_type,), lambda lines: at_level(sorted(map(of, lines)), level))


def _waited(line: Line) -> float:
    return _milliseconds(line) / 1000


def _lasted(line: Line) -> float:
    return float(line["duration_s"])


def _pay_seconds(lines: Lines) -> float:
    return sum(_milliseconds(line) for line in lines) / 1000


RIDES: Mapping[str, Oracle] = {
    "active_users": Oracle((), _people),
    "weekly_active_users": Oracle((), _people, days=7),
    "monthly_active_users": Oracle((), _people, days=30),
    "active_drivers": Oracle((), _distinct(_driver)),
    "registrations": _all("user.registered"),
    "kyc_rate": Oracle(
        ("user.registered", "user.kyc_verified"),
        _over(
            _distinct(lambda line: line["user_id"], "user.kyc_verified"),
            _distinct(lambda line: line["user_id"], "user.registered"),
        ),
        "registered_at",
    ),
    "driver_upgrades": _all("user.upgraded_to_driver"),
    "bookings_created": _all("booking.created"),
    "bookings_confirmed": _all("booking.confirmed"),
    "bookings_cancelled": _all("booking.cancelled"),
    "bookings_completed": _all("booking.completed"),
    "booking_conversion": _share("booking.confirmed", "booking.created", "created_at"),
    "booking_cancellation": _share("booking.cancelled", "booking.created", "created_at"),
    "average_booking_value": _mean("booking.confirmed", "amount"),
    "seats_booked": _total("booking.created", "seats"),
    "payment_attempts": Oracle(_ENDED, _count()),
    "payment_success": Oracle(_ENDED, _over(_count("payment.success"), _count())),
    "payment_failures": _all("payment.failed"),
    "payment_seconds": Oracle(("payment.success",), _over(_pay_seconds, _count())),
    "payment_seconds_p50": _percentile("payment.success", 0.5, _waited),
    "payment_seconds_p95": _percentile("payment.success", 0.95, _waited),
    "gross_revenue": _total("payment.success", "amount"),
    "refunds": _total("payment.refunded", "refund_amount"),
    "net_revenue": Oracle(
        ("payment.success", "payment.refunded"),
        _less(_sum("amount", "payment.success"), _sum("refund_amount", "payment.refunded")),
    ),
    "trips_started": _all("trip.started"),
    "trips_completed": _all("trip.completed"),
    "trips_cancelled": _all("trip.cancelled"),
    "trip_completion": _share("trip.completed", "trip.started", "started_at"),
    "trip_seconds": _mean("trip.completed", "duration_s"),
    "trip_seconds_p50": _percentile("trip.completed", 0.5, _lasted),
    "trip_seconds_p95": _percentile("trip.completed", 0.95, _lasted),
    "trip_km": _mean("trip.completed", "distance_km"),
    "trip_fares": _total("trip.completed", "fare"),
    "trip_earnings": _total("trip.completed", "driver_earnings"),
    "trip_tips": _total("trip.completed", "tip"),
    "trip_rating": _mean("trip.completed", "rating"),
    "driver_earnings": _total("trip.completed", "driver_earnings"),
    "driver_tips": _total("trip.completed", "tip"),
    "driver_earnings_mean": Oracle(("trip.completed",), _over(_sum("driver_earnings"), _distinct(_driver))),
    "driver_earnings_p10": _spread(0.1),
    "driver_earnings_p25": _spread(0.25),
    "driver_earnings_p50": _spread(0.5),
    "driver_earnings_p75": _spread(0.75),
    "driver_earnings_p90": _spread(0.9),
    "driver_earnings_per_hour": Oracle(
        ("trip.completed",),
        _over(lambda lines: 3600 * _sum("driver_earnings")(lines), _sum("duration_s")),
    ),
    "earning_drivers": Oracle(("trip.completed",), _distinct(_driver)),
    "driver_trips": _all("trip.completed"),
    "driver_km": _total("trip.completed", "distance_km"),
    "driver_completion": _share("trip.completed", "trip.started"),
    "driver_cancellations": Oracle(("trip.cancelled",), _count(), where=lambda line: line["cancelled_by"] == "driver"),
    "driver_rating": _mean("trip.completed", "rating"),
    "route_bookings": _all("booking.created"),
    "route_utilization": Oracle(
        ("booking.created", "route.created"),
        _over(_sum("seats", "booking.created"), _sum("seats", "route.created")),
        where=lambda line: bool(line["route_id"]),
    ),
    "routes_created": _all("route.created"),
    "routes_cancelled": _all("route.cancelled"),
    "seats_offered": _total("route.created", "seats"),
}
TICKETING: Mapping[str, Oracle] = {
    "tickets_sold": _total("ticket.purchased", "quantity"),
    "tickets_refunded": _total("ticket.refunded", "quantity"),
    "orders": Oracle(("ticket.purchased",), _distinct(lambda line: line["order_id"])),
    "gross_revenue": _total("ticket.purchased", "amount"),
    "refunds": _total("ticket.refunded", "refund_amount"),
    "net_revenue": Oracle(_SALE, _less(_sum("amount", "ticket.purchased"), _sum("refund_amount", "ticket.refunded"))),
    "fees": _total("ticket.purchased", "fees"),
    "discounts": _total("ticket.purchased", "discount"),
    "average_order_value": Oracle(
        ("ticket.purchased",), _over(_sum("amount"), _distinct(lambda line: line["order_id"]))
    ),
    "refund_rate": Oracle(_SALE, _over(_sum("quantity", "ticket.refunded"), _sum("quantity", "ticket.purchased"))),
    "promotion_share": Oracle(
        ("ticket.purchased",),
        _over(
            lambda lines: sum(line["quantity"] for line in lines if line["promo_code"] is not None), _sum("quantity")
        ),
    ),
    "customers": Oracle(("ticket.purchased",), _distinct(_visitor)),
    "visit_conversion": _people_share("ticket.purchased", "page.viewed"),
    "checkout_conversion": _people_share("ticket.purchased", "checkout.started"),
    "event_conversion": _people_share("ticket.purchased", "event.viewed"),
    "event_views": _all("event.viewed"),
    "event_shares": _all("event.shared"),
    "event_favorites": _all("event.favorited"),
    "tickets_selected": _all("ticket.selected"),
    "checkouts": _all("checkout.started"),
    "check_ins": _all("ticket.checked_in"),
    "visitors": Oracle(_VISIT, _distinct(_visitor)),
    "weekly_visitors": Oracle(_VISIT, _distinct(_visitor), days=7),
    "monthly_visitors": Oracle(_VISIT, _distinct(_visitor), days=30),
    "sessions": Oracle(_VISIT, _distinct(lambda line: line["session_id"])),
    "page_views": _all("page.viewed"),
    "page_seconds": Oracle(
        ("page.viewed",), _over(lambda lines: _sum("duration_ms")(lines) / 1000, _given("duration_ms"))
    ),
    "pages_per_session": Oracle(("page.viewed",), _over(_count(), _distinct(lambda line: line["session_id"]))),
    "searches": _all("event.searched"),
    "people_at_step": Oracle(_STEPS, _distinct(_visitor)),
}
ORACLES = {f"rides.{name}": each for name, each in RIDES.items()} | {
    f"ticketing.{name}": each for name, each in TICKETING.items()
}

DIMENSIONS: Mapping[str, Callable[[Line], Any]] = {
    "from_zone": lambda line: "" if line["route_id"] else line["pickup_zone"],
    "to_zone": lambda line: "" if line["route_id"] else line["dropoff_zone"],
    "promoted": lambda line: "false" if line["promo_code"] is None else "true",
    "step": lambda line: line["event_type"],
    "pickup_cell": lambda line: f"{line['pickup_cell']:x}" if line["pickup_cell"] else "",
}
"""Those that are no field of a row."""


def period(at: datetime, granularity: str, zone: ZoneInfo) -> str:
    """Beginning of the period that holds a moment, on the clock of the zone."""
    local = at.astimezone(zone)
    if granularity == "hour":
        return local.replace(minute=0, second=0, microsecond=0).isoformat()
    day = local.date()
    if granularity == "week":
        day -= timedelta(days=day.weekday())
    if granularity == "month":
        day = day.replace(day=1)
    return datetime(day.year, day.month, day.day, tzinfo=zone).isoformat()


def expected(
    name: str,
    rows: Iterable[Line],
    begin: datetime,
    end: datetime,
    granularity: str,
    zone: ZoneInfo,
    by: Sequence[str],
    *,
    is_money: bool,
) -> dict[tuple[str, ...], Any]:
    """Value by period (none for `total`), dimensions, and currency of money."""
    oracle, (domain, _, _) = ORACLES[name], name.partition(".")
    keys = (*by, "currency") if is_money and "currency" not in by else tuple(by)
    groups: dict[tuple[str, ...], list[Line]] = {}
    for line in rows:
        if line["domain"] != domain or not _counts(line, oracle) or (is_money and not line["currency"]):
            continue
        at = line.get(oracle.time) or (line["occurred_at"] if _has_no(oracle.time, line) else None)
        if at is None:
            continue
        key = tuple(str(DIMENSIONS.get(each, lambda found, each=each: found[each])(line) or "") for each in keys)
        for when in _periods(at, oracle.days, begin, end, granularity, zone):
            groups.setdefault((*when, *key), []).append(line)
    if granularity == "total" and not keys:
        groups.setdefault((), [])
    return {key: oracle.compute(lines) for key, lines in groups.items()}


def _counts(line: Line, oracle: Oracle) -> bool:
    counts = line["event_type"] in oracle.types if oracle.types else line["event_type"] != PING
    return counts and oracle.where(line)


def _has_no(time: str, line: Line) -> bool:
    """Whether a type is its own beginning."""
    begins = {"created_at": "booking.created", "started_at": "trip.started", "registered_at": "user.registered"}
    return time == "started_at" or line["event_type"] == begins.get(time)


def _periods(
    at: datetime, days: int, begin: datetime, end: datetime, granularity: str, zone: ZoneInfo
) -> list[tuple[str, ...]]:
    """The periods in which a row counts."""
    if not days:
        if not begin <= at < end:
            return []
        return [()] if granularity == "total" else [(period(at, granularity, zone),)]
    first = begin.astimezone(zone).date()
    last = (end - timedelta(milliseconds=1)).astimezone(zone).date()
    own = at.astimezone(zone).date()
    if at >= end:
        return []
    after = [own + timedelta(days=shift) for shift in range(days)]
    starts = [datetime(day.year, day.month, day.day, tzinfo=zone) for day in after if first <= day <= last]
    return [(start.isoformat(),) for start in starts]
