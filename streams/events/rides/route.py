"""Routes that drivers offer; each event carries the whole route."""

from streams.events.base import Event
from streams.events.fields import Currency, Id, Label, Position, Price, Time, UInt8


class Route(Event):
    """The whole route."""

    route_id: Id
    """The route."""
    driver_id: Id
    """The driver, by user id."""
    origin: Position
    """Where it begins."""
    destination: Position
    """Where it ends."""
    departure_at: Time
    """When it departs."""
    seats: UInt8
    """Seats offered."""
    price: Price
    """Price of one seat."""
    currency: Currency
    """Currency of the price."""


class RouteCreated(Route, name="route.created", topic="rides.route"):
    """A driver planned a route."""


class RouteActivated(Route, name="route.activated", topic="rides.route"):
    """A route can be booked from now on."""


class RouteCancelled(Route, name="route.cancelled", topic="rides.route"):
    """A route was withdrawn."""

    reason: Label
    """Why, as a short word."""


class RouteUpdated(Route, name="route.updated", topic="rides.route"):
    """Something about a route changed."""
