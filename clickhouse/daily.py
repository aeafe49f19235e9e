"""The daily metrics: one line each; `metrics_daily` is computed from these, and so is their reference."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from clickhouse.histogram import quantile_sql
from streams.events.domains import RIDES, TICKETING, Domain

_PEOPLE: Final = "uniqCombined64Merge(14)"
_PEOPLE_IF: Final = "uniqCombined64MergeIf(14)"


@dataclass(frozen=True, slots=True)
class Daily:
    """A number a day, or one for each value of its dimensions."""

    metric: str
    domain: Domain
    source: str
    """The rollup it is read from, or a query in brackets."""
    numerator: str
    denominator: str = "1"
    dimensions: tuple[str, ...] = ()
    time: str = "bucket"
    """The column that tells the day."""
    is_money: bool = False
    """One number a currency."""

    def select(self, days: Sequence[str]) -> str:
        """The query for these days, which are rendered as SQL literals of the domain's zone."""
        zone = self.domain.reporting_zone
        pairs = ", ".join(f"'{name}', toString({name})" for name in self.dimensions)
        currency = "toString(currency)" if self.is_money else "''"
        where = f"day IN ({', '.join(days)})" + (" AND currency != ''" if self.is_money else "")
        having = " HAVING numerator != 0" if self.dimensions else ""
        keys = ", ".join(["day", *self.dimensions, *(["currency"] if self.is_money else [])])
        return (
            f"SELECT toDate({self.time}, '{zone}') AS day, '{self.metric}' AS metric, "
            f"CAST(map({pairs}), 'Map(LowCardinality(String), String)') AS dimensions, "
            f"toDecimal128({self.numerator}, 6) AS numerator, toDecimal128({self.denominator}, 6) AS denominator, "
            f"{currency} AS in_currency FROM {self.source} WHERE {where} GROUP BY {keys}{having}"
        )


def _of(event_type: str, what: str = "events") -> str:
    return f"sumIf({what}, event_type = '{event_type}')"


def _people_of(event_type: str, what: str = "people") -> str:
    return f"{_PEOPLE_IF}({what}, event_type = '{event_type}')"


_BOTH: Final = "(SELECT bucket, arrayJoin([users, drivers]) AS person FROM daily_users)"
_COHORT: Final = (
    "(SELECT event_type, if(event_type = 'user.registered', occurred_at, registered_at) AS registered FROM user_events)"
)
_SOLD: Final = _of("ticket.purchased", "amount")
_ORDERS: Final = _people_of("ticket.purchased", "orders")
_BUYERS: Final = _people_of("ticket.purchased")
_BASKETS: Final = _people_of("checkout.started")
_TICKETING: Final = "(SELECT * FROM events_hourly WHERE domain = 'ticketing')"
_RIDES: Final = "(SELECT * FROM events_hourly WHERE domain = 'rides')"
_BOOKED: Final = _of("booking.created")
_CONFIRMED: Final = _of("booking.confirmed")
_CANCELLED: Final = _of("booking.cancelled")
_WORTH: Final = _of("booking.confirmed", "amount")
_WORTHS: Final = _of("booking.confirmed", "amounts")
_VERIFIED: Final = "countIf(event_type = 'user.kyc_verified')"
_REGISTERED: Final = "countIf(event_type = 'user.registered')"
_PAID: Final = _of("payment.success", "amount")
_PAYMENTS: Final = _of("payment.success")
_TRIED: Final = "sumIf(events, event_type IN ('payment.success', 'payment.failed'))"
_DONE: Final = _of("trip.completed")

DAILY: Final = (
    Daily("events", TICKETING, _TICKETING, "sum(events)", "1", ("event_type",)),
    Daily("visitors", TICKETING, "realtime_dashboard", f"{_PEOPLE}(people)"),
    Daily("sessions", TICKETING, "realtime_dashboard", f"{_PEOPLE}(sessions)"),
    Daily("page_views", TICKETING, "device_analytics", _of("page.viewed"), "1", ("device_type",)),
    Daily("checkout_conversion", TICKETING, "user_funnel", _BUYERS, _BASKETS),
    Daily("tickets_sold", TICKETING, "realtime_dashboard", _of("ticket.purchased", "quantity")),
    Daily("orders", TICKETING, "realtime_dashboard", _ORDERS),
    Daily("gross_revenue", TICKETING, "revenue_analytics", _SOLD, is_money=True),
    Daily("refunds", TICKETING, "revenue_analytics", "sum(refund_amount)", is_money=True),
    Daily("net_revenue", TICKETING, "revenue_analytics", f"{_SOLD} - sum(refund_amount)", is_money=True),
    Daily("average_order_value", TICKETING, "revenue_analytics", _SOLD, _ORDERS, is_money=True),
    Daily("organizer_revenue", TICKETING, "organizer_daily_metrics", _SOLD, "1", ("organizer_id",), is_money=True),
    Daily("events", RIDES, _RIDES, "sum(events)", "1", ("event_type",)),
    Daily("active_users", RIDES, _BOTH, f"{_PEOPLE}(person)"),
    Daily("active_drivers", RIDES, "daily_users", f"{_PEOPLE}(drivers)"),
    Daily("registrations", RIDES, "daily_users", _of("user.registered"), "1", ("city",)),
    Daily("kyc_rate", RIDES, _COHORT, _VERIFIED, _REGISTERED, time="registered"),
    Daily("bookings_created", RIDES, "hourly_bookings", _BOOKED, "1", ("pickup_city",)),
    Daily("booking_conversion", RIDES, "hourly_bookings", _CONFIRMED, _BOOKED, time="created_bucket"),
    Daily("booking_cancellation", RIDES, "hourly_bookings", _CANCELLED, _BOOKED, time="created_bucket"),
    Daily("average_booking_value", RIDES, "hourly_bookings", _WORTH, _WORTHS, is_money=True),
    Daily("payment_success", RIDES, "hourly_payments", _PAYMENTS, _TRIED),
    Daily("payment_seconds", RIDES, "hourly_payments", "sum(processing_ms) / 1000", _PAYMENTS),
    Daily("payment_p95_ms", RIDES, "hourly_payments", f"ifNull({quantile_sql(0.95, 'processing')}, 0)"),
    Daily("gross_revenue", RIDES, "hourly_payments", _PAID, is_money=True),
    Daily("refunds", RIDES, "hourly_payments", "sum(refund_amount)", is_money=True),
    Daily("net_revenue", RIDES, "hourly_payments", f"{_PAID} - sum(refund_amount)", is_money=True),
    Daily("trips_completed", RIDES, "daily_trips", _DONE, "1", ("pickup_city",)),
    Daily("trip_completion", RIDES, "daily_trips", _DONE, _of("trip.started"), time="started_bucket"),
    Daily("trip_seconds", RIDES, "daily_trips", _of("trip.completed", "duration_s"), _DONE),
    Daily("driver_earnings", RIDES, "driver_earnings", "sum(earnings)", is_money=True),
)
"""Every daily metric of both domains."""
