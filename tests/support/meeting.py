"""Events among few people, sellers and places, so that many of them meet in a window."""

from typing import Any

from streams.events import registry
from streams.sampling import SAMPLED_TYPE
from tests.support.wire import event

TYPES = [name for name, spec in registry.events.items() if spec.topic != "ticketing.catalog"]
SPOTS = ((40.71, -74.0), (40.76, -73.98), (41.88, -87.63))


def meet(kind: str, number: int, ago: float) -> tuple[str, int, bytes]:
    """(topic, partition of two, value) of an event so many seconds ago."""
    topic, value = event(kind, number, ago=ago, **_few(kind, number))
    return topic, number // 3 % 2, value


def _few(kind: str, number: int) -> dict[str, Any]:
    latitude, longitude = SPOTS[number % 3]
    place = {"latitude": latitude, "longitude": longitude}
    chosen: dict[str, Any] = {
        "user_id": f"person-{number % 7}",
        "driver_id": f"person-{number % 5 + 4}",  # some ride as well
        "session_id": f"visit-{number % 6}",
        "organizer_id": f"seller-{number % 3}",
        "ticketed_event_id": f"show-{number % 4}",
    }
    if kind == "booking.created":
        chosen["pickup"] = place
    if kind == SAMPLED_TYPE:
        chosen |= {"position": place, "trip_id": "trip" if number % 2 else None}
    return {name: value for name, value in chosen.items() if name in registry.events[kind].fields}
