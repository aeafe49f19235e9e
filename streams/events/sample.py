"""Example events of any class, drawn from a seeded generator: for docs, tests and first loads."""

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Literal, get_args, get_origin
from uuid import UUID

import annotated_types as at

from streams.events.base import EventSpec
from streams.events.fields import MOMENT, Money, Position, write_time
from streams.events.rules import amount_adds_up
from streams.events.shape import Shape, shapes_of

Places = tuple[tuple[str, str, str, float, float], ...]

_PLACES: Places = (
    ("New York", "New York", "US", 40.7128, -74.006),
    ("Chicago", "Illinois", "US", 41.8781, -87.6298),
    ("Los Angeles", "California", "US", 34.0522, -118.2437),
    ("London", "England", "GB", 51.5074, -0.1278),
    ("Berlin", "Berlin", "DE", 52.52, 13.405),
    ("Lisbon", "Lisboa", "PT", 38.7223, -9.1393),
    ("Zürich", "Zürich", "CH", 47.3769, 8.5417),
)
_AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.5 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 "
    "Mobile Safari/537.36",
    "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0",
)
_ZONES = ("JFK Airport", "East Village", "Midtown Center", "Park Slope", "Astoria")
_WORDS: dict[str, tuple[str, ...]] = {
    "user_agent": _AGENTS,
    "channel": ("app", "web", "referral"),
    "method": ("card", "wallet", "cash"),
    "payment_method": ("card", "wallet", "invoice"),
    "provider": ("in_house", "bank"),
    "gateway": ("primary", "secondary"),
    "error_code": ("card_declined", "insufficient_funds", "timeout"),
    "reason": ("changed_mind", "no_show", "too_late"),
    "category": ("concert", "sports", "theatre", "conference"),
    "plan": ("free", "pro"),
    "title": ("Summer Night", "City Derby", "Data Days"),
    "venue": ("Main Hall", "Arena", "Old Theatre"),
    "name": ("Standard", "Early bird", "Balcony"),
    "promo_code": ("WELCOME10", "SUMMER"),
    "time_zone": ("America/New_York", "Europe/Berlin", "Europe/London"),
    "query": ("jazz", "open air berlin", ""),
    "url": ("https://tickets.example/", "https://tickets.example/e/summer-night?ref=home"),
    "referrer": ("", "https://search.example/?q=tickets"),
}
_AHEAD = {"departure_at", "starts_at", "ends_at", "on_sale_until"}
_OFTEN = 0.7
"""Share of optional fields that is given."""
_EPOCH = datetime(2026, 1, 5, tzinfo=UTC)


def sample(spec: EventSpec, rng: Random, time: datetime | None = None) -> dict[str, Any]:
    """A whole CloudEvent of this type, valid, as a dict ready for JSON.

    `time`: when it happened; else some moment of the first weeks of 2026. The same state of `rng` gives the same event.
    """
    at_time = time or _EPOCH + timedelta(milliseconds=rng.randrange(28 * 86_400_000))
    return {
        "specversion": "1.0",
        "id": str(UUID(int=rng.getrandbits(128), version=4)),
        "source": f"/{spec.domain.name}/{spec.topic.split('.')[1]}",
        "type": spec.name,
        "time": write_time(at_time),
        "data": _data(spec, rng, at_time),
    }


def _data(spec: EventSpec, rng: Random, time: datetime) -> dict[str, Any]:
    place = rng.choice(_PLACES)
    data: dict[str, Any] = {}
    for name, shape in shapes_of(spec.model).items():
        # A key is always given, and so is what an optional amount needs.
        wanted = not shape.optional or name in spec.keys or name == "currency"
        if wanted or rng.random() < _OFTEN:
            data[name] = _value(name, shape, spec, rng, time, place)
    if amount_adds_up in spec.model.rules:
        parts = {name: Money(data[name]) for name in ("unit_price", "fees", "discount")}
        data["amount"] = str(data["quantity"] * parts["unit_price"] + parts["fees"] - parts["discount"])
    return data


def _value(name: str, shape: Shape, spec: EventSpec, rng: Random, time: datetime, place: tuple[Any, ...]) -> Any:
    base = shape.base
    if base is Position:
        return _position(spec, rng, place)
    if MOMENT in shape.metadata:
        away = timedelta(seconds=rng.randrange(60, 7200))
        return write_time(time + timedelta(days=30) + away if name in _AHEAD else time - away)
    if name == "currency":
        return rng.choice(spec.domain.currencies)
    if get_origin(base) is Literal:
        return rng.choice(get_args(base))
    if issubclass(base, Money):
        return _amount(name, rng)
    if base is bool:
        return rng.random() < 0.5
    if base is int:
        return rng.randint(1, 4) if name in ("seats", "quantity", "line") else rng.randint(1, 5000)
    if base is float:
        low, high = _range(shape)
        return round(rng.uniform(low, min(high, 40)), 2)
    if name in ("city", "region", "country"):
        return {"city": place[0], "region": place[1], "country": place[2]}[name]
    if name in _WORDS:
        return rng.choice(_WORDS[name])
    return f"{name.removesuffix('_id')}-{rng.randrange(100_000):05d}"


def _position(spec: EventSpec, rng: Random, place: tuple[Any, ...]) -> dict[str, Any]:
    city, state, country, latitude, longitude = place
    near = {"latitude": round(latitude + rng.gauss(0, 0.03), 6), "longitude": round(longitude + rng.gauss(0, 0.03), 6)}
    if spec.topic == "rides.location":
        return near
    kind = rng.random()
    if kind < 0.6:
        return {**near, "city": city}
    if kind < 0.8:
        return {"zone": rng.choice(_ZONES), "city": "New York", "country": "US"}
    return {"city": city, "state": state, "country": country}


def _amount(name: str, rng: Random) -> str:
    if name == "discount":
        return "0.00"
    top = 500 if name in ("fees", "tip") else 9_000
    return f"{rng.randrange(100, top) / 100:.2f}"


def _range(shape: Shape) -> tuple[float, float]:
    low = next((float(item.ge) for item in shape.metadata if isinstance(item, at.Ge)), 0.0)  # type: ignore[arg-type]
    high = next((float(item.le) for item in shape.metadata if isinstance(item, at.Le)), 1e6)  # type: ignore[arg-type]
    return low, high
