"""Bookings: created, confirmed, cancelled, completed."""

from typing import Literal

from streams.events.base import Event
from streams.events.fields import Currency, Id, Label, Money, Position, Seats, Time


class BookingCreated(Event, name="booking.created", topic="rides.booking"):
    """A rider asked for seats."""

    booking_id: Id
    """The booking."""
    user_id: Id
    """The rider."""
    route_id: Id | None = None
    """Route that is booked, if one is offered."""
    pickup: Position
    """Where the rider wants to be picked up."""
    dropoff: Position
    """Where the rider wants to go."""
    seats: Seats
    """Seats booked."""
    amount: Money
    """Price of the booking."""
    currency: Currency
    """Currency of the amount."""


class ClosingBooking(Event):
    """What later events of a booking repeat of it, because an insert view cannot join."""

    booking_id: Id
    """The booking."""
    user_id: Id
    """The rider."""
    driver_id: Id | None = None
    """The driver, by user id."""
    route_id: Id | None = None
    """Route that is booked, if one is offered."""
    created_at: Time
    """When the booking was created."""
    pickup: Position | None = None
    """Where the rider is picked up."""
    seats: Seats | None = None
    """Seats booked."""
    amount: Money | None = None
    """Price of the booking."""
    currency: Currency | None = None
    """Currency of the amount; required with it."""


class BookingConfirmed(ClosingBooking, name="booking.confirmed", topic="rides.booking"):
    """A booking was confirmed, after payment or by the driver."""


class BookingCancelled(ClosingBooking, name="booking.cancelled", topic="rides.booking"):
    """A booking was cancelled."""

    cancelled_by: Literal["rider", "driver", "system"]
    """Who cancelled."""
    reason: Label
    """Why, as a short word such as `no_show`."""


class BookingCompleted(ClosingBooking, name="booking.completed", topic="rides.booking"):
    """The trip of a booking is done; a cross-check on `trip.completed`, never added to it."""
