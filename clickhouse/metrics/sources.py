"""The tables that metrics are read from: their times, and by what their rows can be grouped."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from clickhouse.rollups import ROLLUPS
from streams.events.domains import RIDES, TICKETING, Domain

_ROLLUP_TIME: Final = {"occurred": "bucket", "created": "created_bucket", "started": "started_bucket"}
_ROW_TIME: Final = {
    "occurred": "occurred_at",
    "created": "if(event_type = 'booking.created', occurred_at, created_at)",
    "started": "if(event_type = 'trip.started', occurred_at, ifNull(started_at, occurred_at))",
    "registered": "if(event_type = 'user.registered', occurred_at, registered_at)",
}
"""Times of a row by name: its own, or that of what it closes."""


@dataclass(frozen=True, slots=True)
class Source:
    """A rollup, a family table or a raw table, as the metrics of one domain read it."""

    table: str
    domain: Domain
    dimensions: Mapping[str, str]
    """Name of a dimension: the expression that tells it."""
    minutes: int = 0
    """Length of a bucket; 0: the table holds events, with the time of each."""
    where: str = ""
    """What selects the domain's rows."""
    times: Mapping[str, str] = field(default_factory=dict)
    """Name of a time: the expression that tells it."""

    @property
    def is_rows(self) -> bool:
        """Whether it holds one row an event."""
        return not self.minutes


def _rollup(table: str, domain: Domain, *same: str, where: str = "", **named: str) -> Source:
    minutes = next(rollup.minutes for rollup in ROLLUPS if rollup.target == table and rollup.domain is domain)
    return Source(table, domain, {name: name for name in same} | named, minutes, where, _ROLLUP_TIME)


def _rows(table: str, domain: Domain, *same: str, **named: str) -> Source:
    return Source(table, domain, {name: name for name in same} | named, times=_ROW_TIME)


_OF_RIDES: Final = "domain = 'rides'"
_OF_TICKETING: Final = "domain = 'ticketing'"
_CURRENCY: Final = "ifNull(currency, '')"
_NO_ROUTE: Final = "ifNull(route_id, '') = ''"
_ACCOUNT: Final = ("country", "city", "channel")
_PICKUP: Final = ("pickup_country", "pickup_state", "pickup_city", "pickup_zone")
_CELL: Final = {"pickup_cell": "if(pickup_cell = 0, '', h3ToString(pickup_cell))"}
_ROUTE: Final = {
    "route_id": "ifNull(route_id, '')",
    "from_zone": f"if({_NO_ROUTE}, toString(pickup_zone), '')",
    "to_zone": f"if({_NO_ROUTE}, toString(dropoff_zone), '')",
}
_DRIVER: Final = {"driver_id": "ifNull(driver_id, '')"}
_VISITOR: Final = {name: f"ifNull({name}, '')" for name in ("country", "region", "city")}
_DEVICE: Final = ("device_type", "os", "browser")
_SOLD: Final = ("payment_method", "reason", "ticketed_event_id", "organizer_id")
_PROMOTED: Final = {"promoted": "CAST(promo_code IS NOT NULL, 'Bool')"}
_PLACE: Final = {
    "pickup_country": "country",
    "pickup_state": "region",
    "pickup_city": "city",
    "pickup_zone": "zone",
}

_SOURCES: Final = (
    _rollup("daily_users", RIDES, *_ACCOUNT),
    _rollup("hourly_bookings", RIDES, "pickup_city", "pickup_zone", "cancelled_by", "currency"),
    _rollup("hourly_payments", RIDES, "method", "gateway", "error_code", "currency"),
    _rollup("daily_trips", RIDES, "pickup_city", "pickup_zone", "cancelled_by", "currency"),
    _rollup("driver_earnings", RIDES, "driver_id", "cancelled_by", "currency"),
    _rollup("popular_routes", RIDES, "route_id", from_zone="pickup_zone", to_zone="dropoff_zone"),
    _rollup("geographic_metrics", RIDES, "currency", where=_OF_RIDES, **_PLACE),
    _rows("user_events", RIDES, *_ACCOUNT, "role", "provider", "vehicle_type"),
    _rows(
        "booking_events", RIDES, *_PICKUP, "cancelled_by", "reason", currency=_CURRENCY, **_CELL, **_ROUTE, **_DRIVER
    ),
    _rows("payment_events", RIDES, *_PICKUP, "method", "gateway", "error_code", "reason", currency=_CURRENCY, **_CELL),
    _rows("trip_events", RIDES, *_PICKUP, "cancelled_by", "reason", currency=_CURRENCY, **_CELL, **_ROUTE, **_DRIVER),
    _rows("route_events", RIDES, "origin_city", "destination_city", "route_id", **_DRIVER),
    _rows(
        "events_raw",
        RIDES,
        *_ACCOUNT,
        *_PICKUP,
        *("cancelled_by", "reason", "method", "gateway", "error_code", "role", "provider", "vehicle_type"),
        *("origin_city", "destination_city"),
        currency=_CURRENCY,
        **_CELL,
        **_ROUTE,
        **_DRIVER,
    ),
    _rollup("events_hourly", TICKETING, where=_OF_TICKETING),
    _rollup("realtime_dashboard", TICKETING, "currency"),
    _rollup("revenue_analytics", TICKETING, "payment_method", "reason", "promoted", "currency"),
    _rollup("organizer_daily_metrics", TICKETING, "organizer_id", "currency"),
    _rollup("event_performance", TICKETING, "ticketed_event_id", "organizer_id", "currency"),
    _rollup("user_funnel", TICKETING, "device_type", "country", step="event_type"),
    _rollup("geographic_metrics", TICKETING, *_VISITOR, "currency", where=_OF_TICKETING),
    _rollup("device_analytics", TICKETING, *_DEVICE),
    _rows("ticket_sales", TICKETING, *_SOLD, *_DEVICE, "currency", **_VISITOR, **_PROMOTED),
    _rows("page_views", TICKETING, *_DEVICE, **_VISITOR),
    _rows("events", TICKETING, *_SOLD, *_DEVICE, "currency", step="event_type", **_VISITOR, **_PROMOTED),
)

SOURCES: Final = {(source.domain.name, source.table): source for source in _SOURCES}
"""By domain and table."""
