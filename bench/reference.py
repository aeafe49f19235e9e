"""The fixed work that the main job is held against: plain Python and msgspec, nothing of the product.

THIS FILE NEVER CHANGES, and neither does what it does: every ratio in bench/results/history.jsonl has it for its unit.
Another loop needs another `NAME`, which begins the history anew.
"""

import time
from collections import Counter

import msgspec

NAME = "reference-1"
EVENTS = 20_000
KEYS = 997
"""Different people; prime, so that no other number of the events goes in step with it."""
TEMPLATE = (
    '{{"specversion":"1.0","id":"reference-{n:x}","source":"/reference/source","type":"reference.made",'
    '"time":"2026-01-01T12:{minute:02d}:{second:02d}.{ms:03d}Z","datacontenttype":"application/json","data":{{'
    '"order":"order-{n:06d}","person":"person-{person:04d}","city":"city-{city:02d}","amount":"{amount}.{cents:02d}",'
    '"currency":"USD","quantity":{quantity},"latitude":{latitude:.6f},"longitude":{longitude:.6f},'
    '"note":"forty characters that nobody will ever read"}}}}'
)


class Data(msgspec.Struct):
    """What an event tells."""

    order: str
    person: str
    city: str
    amount: str
    currency: str
    quantity: int
    latitude: float
    longitude: float
    note: str


class Event(msgspec.Struct):
    """One event."""

    specversion: str
    id: str
    source: str
    type: str
    time: str
    datacontenttype: str
    data: Data


_decode = msgspec.json.Decoder(Event).decode
_encode = msgspec.json.Encoder().encode


def values() -> list[bytes]:
    """The events as bytes, always the same ones."""
    return [_value(n).encode() for n in range(EVENTS)]


def _value(n: int) -> str:
    return TEMPLATE.format(
        n=n,
        minute=n // 600 % 60,
        second=n // 10 % 60,
        ms=n % 10 * 100,
        person=n % KEYS,
        city=n % 31,
        amount=n % 500,
        cents=n % 100,
        quantity=n % 7 + 1,
        latitude=40.5 + n % 1000 / 1000,
        longitude=-74.5 + n % 777 / 1000,
    )


def run(events: list[bytes]) -> float:
    """Decode, drop repeats, add up by minute and person, lay out in columns, encode; the CPU seconds of this thread."""
    begun = time.thread_time()
    seen: set[str] = set()
    counts: Counter[tuple[str, str]] = Counter()
    sums: dict[tuple[str, str], float] = {}
    kept: list[Event] = []
    for value in events:
        event = _decode(value)
        key = f"{event.source}\n{event.id}"
        if key in seen:
            continue
        seen.add(key)
        kept.append(event)
        place = (event.time[:16], event.data.person)
        counts[place] += event.data.quantity
        sums[place] = sums.get(place, 0.0) + float(event.data.amount)
    columns = {
        "id": [event.id for event in kept],
        "time": [event.time for event in kept],
        "order": [event.data.order for event in kept],
        "amount": [event.data.amount for event in kept],
        "latitude": [event.data.latitude for event in kept],
        "longitude": [event.data.longitude for event in kept],
    }
    _encode(columns)
    return time.thread_time() - begun
