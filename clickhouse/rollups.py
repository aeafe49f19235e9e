"""The rollups: one line a view, beside the migration that makes it; tests, rebuild, reconciliation and docs follow.

What can be read from the schema is not said again: keys, measures, and that a sketch or a histogram is approximate.
"""

from dataclasses import dataclass
from typing import Final

from streams.events.domains import RIDES, TICKETING, Domain


@dataclass(frozen=True, slots=True)
class Rollup:
    """A view that aggregates a raw table into a table of buckets."""

    view: str
    target: str
    domain: Domain
    """Whose raw table feeds it; a target that both domains feed has a column `domain`."""
    answers: str
    """What it is asked."""
    minutes: int = 15
    """Length of a bucket."""


ROLLUPS: Final = (
    Rollup("events_hourly_mv", "events_hourly", TICKETING, "events of each type over time, and from how many people"),
    Rollup("events_hourly_rides_mv", "events_hourly", RIDES, "the same of rides; sampled positions by their weight"),
    Rollup("organizer_daily_metrics_mv", "organizer_daily_metrics", TICKETING, "how an organizer does"),
    Rollup("event_performance_mv", "event_performance", TICKETING, "how a ticketed event does"),
    Rollup("user_funnel_mv", "user_funnel", TICKETING, "how many people reached each step, by device and country"),
    Rollup("realtime_dashboard_mv", "realtime_dashboard", TICKETING, "the last hours, by five minutes", minutes=5),
    Rollup("geographic_metrics_mv", "geographic_metrics", TICKETING, "traffic and sales by the visitor's place"),
    Rollup("geographic_metrics_rides_mv", "geographic_metrics", RIDES, "bookings, trips and revenue by pickup zone"),
    Rollup("device_analytics_mv", "device_analytics", TICKETING, "traffic and purchases by device, system and browser"),
    Rollup("revenue_analytics_mv", "revenue_analytics", TICKETING, "sales and refunds by way of payment and promotion"),
    Rollup("daily_users_mv", "daily_users", RIDES, "active users and drivers, registrations, verifications"),
    Rollup("hourly_bookings_mv", "hourly_bookings", RIDES, "bookings, their conversion and value, by pickup zone"),
    Rollup("hourly_payments_mv", "hourly_payments", RIDES, "payments: success, revenue, refunds, processing time"),
    Rollup("daily_trips_mv", "daily_trips", RIDES, "trips: completion, distance, duration, fares, ratings"),
    Rollup("driver_earnings_mv", "driver_earnings", RIDES, "what each driver earned and did"),
    Rollup("popular_routes_mv", "popular_routes", RIDES, "the most booked routes; seats booked and offered"),
)

TARGETS: Final = tuple(dict.fromkeys(rollup.target for rollup in ROLLUPS))
"""Tables of rollups, each once."""
