"""Trips: started, completed, cancelled."""

from typing import Literal

from streams.events.base import Event
from streams.events.fields import Currency, Distance, Id, Label, Money, Position, Price, Rating, Time, UInt32


class TripStarted(Event, name="trip.started", topic="rides.trip"):
    """The driver set off with the rider."""

    trip_id: Id
    """The trip."""
    booking_id: Id
    """Booking that the trip serves."""
    driver_id: Id
    """The driver, by user id."""
    user_id: Id
    """The rider."""
    route_id: Id | None = None
    """Route that is driven, if one was offered."""
    pickup: Position
    """Where the trip began."""


class TripCompleted(Event, name="trip.completed", topic="rides.trip"):
    """The rider was dropped off."""

    trip_id: Id
    """The trip."""
    booking_id: Id
    """Booking that the trip served."""
    driver_id: Id
    """The driver, by user id."""
    user_id: Id
    """The rider."""
    route_id: Id | None = None
    """Route that was driven, if one was offered."""
    pickup: Position
    """Where the trip began."""
    dropoff: Position
    """Where the trip ended."""
    started_at: Time
    """When the trip began."""
    distance_km: Distance
    """Distance driven, kilometres."""
    duration_s: UInt32
    """Time on trip, seconds."""
    fare: Money
    """Fare without tip; negative in corrections."""
    driver_earnings: Money
    """What the driver gets for the trip, without tip; negative in corrections."""
    tip: Price
    """Tip for the driver."""
    currency: Currency
    """Currency of the amounts."""
    rating: Rating | None = None
    """The rider's rating of the driver, 1 to 5."""


class TripCancelled(Event, name="trip.cancelled", topic="rides.trip"):
    """A trip was given up, before or after it began."""

    trip_id: Id
    """The trip."""
    booking_id: Id
    """Booking that the trip served."""
    driver_id: Id
    """The driver, by user id."""
    user_id: Id
    """The rider."""
    route_id: Id | None = None
    """Route, if one was offered."""
    pickup: Position | None = None
    """Where the pickup was planned."""
    started_at: Time | None = None
    """When the trip began, if it did."""
    cancelled_by: Literal["rider", "driver", "system"]
    """Who cancelled."""
    reason: Label
    """Why, as a short word."""
