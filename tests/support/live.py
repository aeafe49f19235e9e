"""Windows in Redis as workers would have published them, built from events by the aggregates themselves."""

import contextlib
import random
import secrets
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import h3
import msgspec
import pytest
import redis
import uvicorn
from fastapi import FastAPI
from xxhash import xxh64_intdigest

from agents.places import CELL_RESOLUTION
from api.app import create
from deploy.local.part import Part
from deploy.local.process import free_port
from deploy.local.redis import Redis, ping
from streams.settings import Settings
from tables.columns import Columns
from tables.declared import declared
from tables.window import DURATION, Declared, Session, Slices
from tables.wire import (
    Key,
    Status,
    answers,
    encode_key,
    encode_states,
    merge_states,
    pane_key,
    shard_key,
    shards_key,
)
from tests.support.proxy import ProxyThread, proxy_thread
from tests.support.waiting import until

ZONES = ("Upper East Side South", "Astoria", "Bushwick West", "JFK Airport", "Midtown Center", "Park Slope", "SoHo")
PAGES = (
    "/",
    "/search",
    "/e/winter-jazz",
    "/e/city-marathon",
    "/e/opera-gala",
    "/e/book-fair",
    "/e/food-market",
    "/help",
)
Event = Mapping[str, Any]
"""Columns of one event, with `event_type` and `at`, seconds since 1970."""


def panes_of(slices: Slices, events: Sequence[Event]) -> dict[int, dict[Key, list[Any]]]:
    """States by pane and key, of the events that the slices count."""
    over = slices.over
    grouped: dict[tuple[int, Key], list[Event]] = {}
    for event in events:
        key = tuple(event.get(column, "") for column in over.key)
        if event["event_type"] in over.on and (not over.where or event.get(over.where)):
            place = (int(event["at"]) // slices.pane * slices.pane, key)
            grouped.setdefault(place, []).append(event)
    panes: dict[int, dict[Key, list[Any]]] = {}
    for (start, key), of_pane in grouped.items():
        panes.setdefault(start, {})[key] = states_of(slices, of_pane)
    return panes


def counted(slices: Slices, events: Sequence[Event], now: float) -> Sequence[Event]:
    """What these slices count of one shard's events: the events, or the sessions of them that have ended by `now`."""
    session = slices.session
    if session is None:
        return events
    parts: dict[str, list[list[Event]]] = {}
    for event in sorted(events, key=lambda each: each["at"]):
        if event["event_type"] in session.on:
            known = parts.setdefault(event.get("session_id") or event["user_id"], [])
            if not known or event["at"] - known[-1][-1]["at"] > session.gap:
                known.append([])
            known[-1].append(event)
    return [_ended(session, part) for known in parts.values() for part in known if part[-1]["at"] + session.gap < now]


def _ended(session: Session, part: list[Event]) -> Event:
    """The end of a session as an event, with its numbers."""
    numbers = zip(session.measures, states_of(session, part), strict=True)
    first, last = part[0]["at"], part[-1]["at"]
    told: dict[str, Any] = {measure.name: measure.answer(state, 1) for measure, state in numbers}
    return {**told, "event_type": session.on[0], "at": last + session.gap, DURATION: last - first}


def states_of(slices: Slices | Session, events: Sequence[Event]) -> list[Any]:
    """The states of all measures over some events."""
    states = []
    for measure in slices.over.measures:
        seen = [event for event in events if not measure.on or event["event_type"] in measure.on]
        columns: list[list[Any]] = [[column(event, name) for event in seen] for name in measure.columns] or [list(seen)]
        states.append(measure.fold(columns, 1_000_000) if seen else None)
    return states


def column(event: Event, name: str) -> Any:
    """What a measure reads of an event; behind the mark of hashes, the hash of the value."""
    value = event.get(name.removeprefix(Columns.HASHED))
    return xxh64_intdigest(value.encode()) if name.startswith(Columns.HASHED) and value else value


def whole(slices: Slices, events: Sequence[Event], seconds: int) -> dict[str, Any]:
    """What a window over all these events says, without panes and shards."""
    panes = panes_of(slices, events).values()
    states: list[Any] | None = None
    for pane in panes:
        for line in pane.values():
            states = merge_states(slices, states, line)
    return answers(slices, states, seconds)


class Published:
    """What the workers of one group have written to Redis."""

    def __init__(self, url: str, group: str, declared: Declared) -> None:
        self.redis = redis.Redis.from_url(url)
        self.group = group
        self.declared = declared

    def status(self, shard: int, *, age: float = 0.0, **given: Any) -> Status:
        """Let a shard speak, `age` seconds ago."""
        now = round((time.time() - age) * 1000)
        known: dict[str, Any] = {"as_of": now, "watermark": now - 2000, "state": "running"}
        status = Status(**known | {"dialect": self.declared.dialect} | given)
        self.redis.sadd(shards_key(self.group), shard)
        heard = {"status": msgspec.json.encode(status), "heard": now}
        self.redis.hset(shard_key(self.group, shard), mapping=heard)  # type: ignore[arg-type]  # a value is bytes
        return status

    def events(self, shard: int, events: Sequence[Event], now: float | None = None) -> None:
        """Publish the panes of all that a shard has seen, in place of what it published of them before."""
        now = time.time() if now is None else now
        for slices in self.declared.slices.values():
            for start, lines in panes_of(slices, counted(slices, events, now)).items():
                name = pane_key(self.group, slices, shard, start)
                values = {encode_key(key): encode_states(slices, states) for key, states in lines.items()}
                self.redis.delete(name)
                self.redis.hset(name, mapping=values)  # type: ignore[arg-type]  # keys and values are bytes

    def close(self) -> None:
        """Let the connection go."""
        self.redis.close()


@contextlib.contextmanager
def fresh_redis(home: Path) -> Iterator[Part]:
    """An empty Redis of its own; it starts in a moment."""
    lost: list[str] = []
    part = Part(Redis(home / "redis", "secret"), ping, home, lost.append)
    part.start()
    try:
        yield part
    finally:
        part.stop()
    assert not lost, lost


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Redis that lives as long as the session."""
    with fresh_redis(tmp_path_factory.mktemp("live")) as part:
        yield part.url


@contextlib.contextmanager
def cut_off(redis_url: str) -> Iterator[tuple[str, ProxyThread]]:
    """The address of the same Redis behind a proxy that can be away."""
    parts = urlsplit(redis_url)
    with proxy_thread(parts.hostname or "", parts.port or 0) as made:
        yield redis_url.replace(f":{parts.port}", f":{made.port}"), made


@pytest.fixture
def published(redis_url: str) -> Iterator[Published]:
    """A group of workers that nobody else has, over the product's windows."""
    found = Published(redis_url, f"test-{secrets.token_hex(6)}", declared)
    yield found
    found.close()


def rides(count: int, now: float, minutes: int = 60) -> list[Event]:
    """Events of ride sharing over the last minutes, the newest at `now`: each booking with trip and payment."""
    dice, events = random.Random(count), list[Event]()
    middle = h3.latlng_to_cell(40.73, -73.94, CELL_RESOLUTION)
    around = sorted(h3.grid_disk(middle, 5), key=lambda cell: (h3.grid_distance(middle, cell), cell))

    def cell() -> int:
        """A place, the likelier the nearer to the middle."""
        return int(h3.str_to_int(around[int(abs(dice.gauss(0, 1)) * 28) % len(around)]))

    for n in range(count):
        at = now - dice.random() * 60 * minutes if n else now
        user, driver = f"rider-{dice.randrange(400)}", f"driver-{dice.randrange(90)}"
        zone = dice.choices(ZONES, weights=range(len(ZONES), 0, -1))[0]
        shared: dict[str, Any] = {
            "at": at,
            "user_id": user,
            "driver_id": driver,
            "pickup_zone": zone,
            "pickup_city": "New York",
        }
        money: dict[str, Any] = {"currency": "USD", "amount": Decimal(dice.randrange(500, 9000)).scaleb(-2)}
        events.append({**shared, **money, "event_type": "booking.created", "pickup_cell": cell()})
        if n % 4:
            events.append({**shared, **money, "event_type": "booking.confirmed"})
            events.append({**shared, "event_type": "trip.started"})
            fare = {"fare": money["amount"], "driver_earnings": money["amount"] / 2, "tip": Decimal(1)}
            if n % 13 == 1:
                events.append({**shared, "event_type": "trip.cancelled"})
                continue
            events.append({**shared, **money, "event_type": "payment.initiated"})
            trip = {"currency": "USD", "distance_km": dice.random() * 20, "duration_s": dice.randrange(200, 4000)}
            events.append({**shared, **fare, **trip, "event_type": "trip.completed"})
            events.append({**shared, **money, "event_type": "payment.success" if n % 9 else "payment.failed"})
        else:
            events.append({**shared, "event_type": "booking.cancelled"})
        for _ in range(3):
            where = {"at": at, "driver_id": f"driver-{dice.randrange(90)}", "position_cell": cell()}
            events.append({**where, "event_type": "driver.location.updated"})
    return events


def ticketing(count: int, now: float, minutes: int = 60) -> list[Event]:
    """Visits of ticketing over the last minutes, the newest at `now`."""
    dice, events = random.Random(count), list[Event]()
    steps = ("page.viewed", "event.viewed", "ticket.selected", "checkout.started", "ticket.purchased")
    for n in range(count):
        at = now - dice.random() * 60 * minutes if n else now
        visit: dict[str, Any] = {
            "at": at,
            "session_id": f"visit-{n}",
            "user_id": f"user-{dice.randrange(99)}",
            "url": dice.choices(PAGES, weights=range(len(PAGES), 0, -1))[0],
        }
        visit |= {"organizer_id": f"org-{n % 5}", "ticketed_event_id": f"event-{n % 11}"}
        left = n % len(steps)
        for place, step in enumerate(steps[: left + 1]):
            event = {**visit, "event_type": step, "at": at - 20 * (left - place)}
            if step == "ticket.purchased":
                amount = Decimal(dice.randrange(900, 30000)).scaleb(-2)
                event |= {"amount": amount, "currency": dice.choice(("EUR", "USD", "GBP")), "quantity": 1 + n % 3}
            events.append(event)
            if step == "ticket.purchased" and n % 3 == 0:
                events.append({**event, "event_type": "ticket.checked_in"})
        if n % 4 == 0:
            events.append({**visit, "event_type": dice.choice(("event.searched", "event.favorited", "event.shared"))})
        if n % 90 == 89:
            back = {"refund_amount": Decimal(30), "currency": "EUR", "quantity": 1}
            events.append({**visit, **back, "event_type": "ticket.refunded"})
    return events


@contextlib.contextmanager
def served(settings: Settings, port: int | None = None) -> Iterator[tuple[str, FastAPI]]:
    """The web process's app on a free port of this process, and its address."""
    app = create(settings)
    port = port or free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="warning", timeout_graceful_shutdown=2))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        until("the web process to start", lambda: server.started)
        yield f"http://127.0.0.1:{port}", app
    finally:
        app.state.feeds.close()
        server.should_exit = True
        thread.join()
