"""Positions of drivers: by far the most frequent event, sampled on arrival."""

from streams.events.base import Event
from streams.events.fields import Distance, Heading, Id, Position, Speed


class DriverLocationUpdated(Event, name="driver.location.updated", topic="rides.location"):
    """Where a driver is now."""

    driver_id: Id
    """The driver, by user id."""
    trip_id: Id | None = None
    """Trip that the driver is on, if any."""
    position: Position
    """Where the driver is."""
    speed_kmh: Speed | None = None
    """Speed, kilometres an hour."""
    heading: Heading | None = None
    """Direction, degrees clockwise from north."""
    accuracy_m: Distance | None = None
    """Radius in which the position is true, metres."""
