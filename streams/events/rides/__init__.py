"""Events of ride sharing; importing this package declares all of them."""

from streams.events.rides import booking, location, payment, route, trip, user

__all__ = ["booking", "location", "payment", "route", "trip", "user"]
