"""The declared windows of ride sharing."""

from streams.events.domains import RIDES
from tables.aggregates import Aggregate, Count, Distinct, Mean, Money, Quantiles, Rate
from tables.window import Declared, Measures

BOOKING_TYPES = ("booking.created", "booking.confirmed", "booking.cancelled", "booking.completed")
TRIP_TYPES = ("trip.started", "trip.completed", "trip.cancelled")
PAYMENT_TYPES = ("payment.initiated", "payment.success", "payment.failed", "payment.refunded")
PING = "driver.location.updated"
ACTIVE_TYPES = (
    "user.registered",
    "user.kyc_verified",
    "user.upgraded_to_driver",
    *BOOKING_TYPES,
    *PAYMENT_TYPES,
    *TRIP_TYPES,
    "route.created",
    "route.activated",
    "route.cancelled",
    "route.updated",
)
"""Everything but pings: a phone that lies on a dashboard is no active user."""

BOOKINGS: tuple[Aggregate, ...] = (
    Count("created", ("booking.created",), "Bookings asked for.", "bookings"),
    Count("confirmed", ("booking.confirmed",), "Bookings confirmed.", "bookings"),
    Count("cancelled", ("booking.cancelled",), "Bookings cancelled.", "bookings"),
    Count("completed", ("booking.completed",), "Bookings whose trip is done.", "bookings"),
)
TRIPS: tuple[Aggregate, ...] = (
    Count("started", ("trip.started",), "Trips begun.", "trips"),
    Count("completed", ("trip.completed",), "Trips completed.", "trips"),
    Count("cancelled", ("trip.cancelled",), "Trips given up.", "trips"),
    Money("fares", ("trip.completed",), "Fares without tips.", "", "fare"),
    Money("driver_earnings", ("trip.completed",), "What drivers get, without tips.", "", "driver_earnings"),
    Money("tips", ("trip.completed",), "Tips.", "", "tip"),
    Mean("distance_km", ("trip.completed",), "Mean distance of a trip.", "km", "distance_km"),
    Quantiles("duration_s", ("trip.completed",), "Time on trip.", "s", "duration_s"),
)
PAYMENTS: tuple[Aggregate, ...] = (
    Count("initiated", ("payment.initiated",), "Payments begun.", "payments"),
    Count("succeeded", ("payment.success",), "Payments that succeeded.", "payments"),
    Count("failed", ("payment.failed",), "Payments that failed.", "payments"),
    Money("revenue", ("payment.success",), "Paid, before refunds.", "", "amount"),
    Money("refunds", ("payment.refunded",), "Given back.", "", "refund_amount"),
)
PINGS: tuple[Aggregate, ...] = (
    Count("pings", (), "Location pings, weighted by the inverse of the sampling rate.", "pings", weighted=True),
    Distinct("drivers", (), "Drivers seen.", "drivers", "driver_id"),
    Distinct("drivers_free", (), "Drivers seen without a trip.", "drivers", "driver_id", without="trip_id"),
)


def declare(to: Declared) -> None:
    """Enter the windows."""
    active = Measures(
        "rides.active",
        RIDES,
        ACTIVE_TYPES,
        (
            Distinct(
                "users", (), "Riders and drivers with an event other than a ping.", "people", "user_id", "driver_id"
            ),
            Distinct("drivers", (), "Drivers with an event other than a ping.", "drivers", "driver_id"),
            Rate("events_per_second", (), "Events a second, pings left out.", "events/s"),
        ),
    )
    bookings = Measures("rides.bookings", RIDES, BOOKING_TYPES, BOOKINGS)
    trips = Measures("rides.trips", RIDES, TRIP_TYPES, TRIPS)
    payments = Measures("rides.payments", RIDES, PAYMENT_TYPES, PAYMENTS)
    for over in (active, bookings, trips, payments):
        to.tumbling(f"{over.name}.1m", over, size=60)
        to.tumbling(f"{over.name}.5m", over, size=300)
        to.hopping(f"{over.name}.1h", over, size=3600, slide=60)

    for place, slide in (("city", 60), ("zone", 300)):  # zones are many, so their panes are of five minutes
        column = f"pickup_{place}"
        by_bookings = Measures(f"rides.bookings.by_{place}", RIDES, BOOKING_TYPES, BOOKINGS, (column,), column)
        by_trips = Measures(f"rides.trips.by_{place}", RIDES, TRIP_TYPES, TRIPS[:4], (column,), column)
        by_payments = Measures(f"rides.payments.by_{place}", RIDES, PAYMENT_TYPES, PAYMENTS, (column,), column)
        for over in (by_bookings, by_trips, by_payments):
            if slide == 60:
                to.tumbling(f"{over.name}.1m", over, size=60)
            to.tumbling(f"{over.name}.5m", over, size=300)
            to.hopping(f"{over.name}.1h", over, size=3600, slide=slide)

    pings = Measures("rides.pings.by_cell", RIDES, (PING,), PINGS, ("position_cell",), "position_cell")
    to.tumbling("rides.pings.by_cell.5m", pings, size=300)
    to.hopping("rides.pings.by_cell.15m", pings, size=900, slide=300)
    asked = Measures("rides.demand.by_cell", RIDES, ("booking.created",), BOOKINGS[:1], ("pickup_cell",), "pickup_cell")
    to.tumbling("rides.demand.by_cell.5m", asked, size=300)
    to.hopping("rides.demand.by_cell.15m", asked, size=900, slide=300)
