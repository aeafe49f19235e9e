"""What people do with a ride-sharing service: ride, register, offer routes."""

from collections.abc import Generator, Iterator
from math import asin, cos, radians, sqrt
from typing import Any

from streams.world.dice import Dice, cents
from streams.world.record import Journey, Step, rfc3339
from streams.world.zones import Zone, zones

RIDERS = 20_000
DRIVERS = 3_000
BUSIEST = (132, 138, 230, 161, 79, 48, 186, 68, 255, 37, 61, 170, 234, 249, 76, 1)
"""Zones that most rides begin in: airports, Midtown, East Village, Williamsburg."""
CITIES = (
    ("New York", "New York", 40.7580, -73.9855),
    ("Boston", "Massachusetts", 42.3601, -71.0589),
    ("Philadelphia", "Pennsylvania", 39.9526, -75.1652),
    ("Washington", "District of Columbia", 38.9072, -77.0369),
    ("Hartford", "Connecticut", 41.7658, -72.6734),
    ("Albany", "New York", 42.6526, -73.7562),
)
"""Ends of long routes."""
CHANNELS = ("app", "web", "referral", "partner")
VEHICLES = ("car", "car", "car", "van", "minibus", "other")
METHODS = ("card", "card", "wallet", "cash")
GATEWAYS = ("northpay", "swiftgate")
ERRORS = ("insufficient_funds", "card_expired", "gateway_timeout", "fraud_suspected")
SPEED_KMH = 21.0
MOST_MINUTES = 50.0

Data = dict[str, Any]


class Riding:
    """The people, places and habits of the rides domain."""

    domain = "rides"

    def __init__(self, dice: Dice, run: str, pace: float) -> None:
        """`run` is part of every id; `pace` below 1 makes everything happen so much faster."""
        self.dice = dice
        self.run = run
        self.pace = pace
        self.people = 0
        self.journeys = 0
        known = [zone for zone in zones().values() if zone.point is not None]
        busy = [zones()[number] for number in BUSIEST]
        self.zones: list[Zone] = busy + [zone for zone in known if zone.number not in BUSIEST]

    def journey(self, now: float) -> Journey:
        """Something that begins now."""
        self.journeys += 1
        draw = self.dice.random()
        if draw < 0.86:
            rider = f"rider-{self.dice.hot(RIDERS)}"
            return self.ride(now, f"{self.run}-{self.journeys:x}", rider, f"driver-{self.dice.hot(DRIVERS)}", None)
        return self.registration(now) if draw < 0.95 else self.offer(now, f"{self.run}-{self.journeys:x}")

    def ride(self, now: float, number: str, rider: str, driver: str, route: str | None) -> Journey:
        """A booking from the request to the last payment; some end early."""
        dice = self.dice
        origin, target = dice.hot_of(self.zones), dice.hot_of(self.zones, 1.4)
        km = max(0.8, distance_km(origin, target) * 1.3)
        minutes = min(MOST_MINUTES, km / SPEED_KMH * 60 * dice.between(0.8, 1.4)) * self.pace
        price = 300 + round(km * 165 * dice.between(0.9, 1.6))
        booking = {"booking_id": f"booking-{number}", "user_id": rider, "route_id": route}
        pickup, dropoff = {"pickup": self.somewhere(origin)}, {"dropoff": {"zone": target.name}}
        money = {"amount": cents(price), "currency": "USD"}
        seats = {"seats": 1 if dice.chance(0.8) else 2}
        yield now, "booking.created", {**booking, **pickup, **dropoff, **seats, **money}
        made = {**booking, "created_at": rfc3339(now), **pickup, **seats, **money}
        if dice.chance(0.07):
            now += self.wait(20, 180)
            yield now, "booking.cancelled", {**made, "cancelled_by": "rider", "reason": "changed_mind"}
            return
        paid = yield from self.payment(now, number, booking, pickup, price)
        now = paid[0]
        if not paid[1]:
            now += self.wait(1, 5)
            yield now, "booking.cancelled", {**made, "cancelled_by": "system", "reason": "payment_failed"}
            return
        on_trip: Data = {"trip_id": f"trip-{number}", **booking, "driver_id": driver, **pickup}
        now += self.wait(2, 30)
        yield now, "booking.confirmed", {**made, "driver_id": driver}
        now += self.wait(60, 420)
        if dice.chance(0.05):
            who = dice.one_of(("driver", "rider"))
            given_up = {**on_trip, "cancelled_by": who, "reason": "no_show" if who == "driver" else "waited_too_long"}
            yield now, "trip.cancelled", given_up
            yield now + 1, "booking.cancelled", {**made, "driver_id": driver, "cancelled_by": who, "reason": "no_show"}
            yield from self.refund(now + 1, number, booking, price, paid[0], "trip_cancelled")
            return
        yield now, "trip.started", on_trip
        started = now
        for now, ping in self.pings(driver, on_trip["trip_id"], origin, target, started, minutes):
            yield now, "driver.location.updated", ping
        now = started + minutes * 60
        yield now, "trip.completed", {**on_trip, **dropoff, **self.takings(started, now, km, price)}
        yield now + 1.5, "booking.completed", {**made, "driver_id": driver}
        if dice.chance(0.01):
            yield from self.refund(now + 1.5, number, booking, price, paid[0], "complaint")

    def payment(
        self, now: float, number: str, booking: Data, pickup: Data, price: int
    ) -> Generator[Step, None, tuple[float, bool]]:
        """One or two attempts; returns when it ended and whether it succeeded."""
        dice = self.dice
        whose = {"booking_id": booking["booking_id"], "user_id": booking["user_id"], **pickup}
        base = {**whose, "amount": cents(price), "currency": "USD", "method": dice.one_of(METHODS)}
        for attempt in (1, 2):
            now += self.wait(2, 15)
            attempted = {"payment_id": f"payment-{number}-{attempt}", **base}
            yield now, "payment.initiated", attempted
            attempted = {**attempted, "initiated_at": rfc3339(now)}
            now += self.wait(0.3, 4)
            if dice.chance(0.94):
                yield now, "payment.success", {**attempted, "gateway": dice.hot_of(GATEWAYS)}
                return now, True
            yield now, "payment.failed", {**attempted, "error_code": dice.hot_of(ERRORS)}
        return now, False

    def refund(self, now: float, number: str, booking: Data, price: int, paid_at: float, reason: str) -> Journey:
        """The whole price goes back."""
        now += self.wait(30, 240)
        yield (
            now,
            "payment.refunded",
            {
                "payment_id": f"payment-{number}-1",
                "booking_id": booking["booking_id"],
                "user_id": booking["user_id"],
                "amount": cents(price),
                "currency": "USD",
                "method": "card",
                "paid_at": rfc3339(paid_at),
                "refund_amount": cents(price),
                "reason": reason,
            },
        )

    def takings(self, started: float, ended: float, km: float, price: int) -> Data:
        """What a finished trip adds."""
        dice = self.dice
        rating = {"rating": dice.hot_of((5.0, 4.0, 3.0, 1.0), 4.0)} if dice.chance(0.4) else {}
        return {
            "started_at": rfc3339(started),
            "distance_km": round(km, 3),
            "duration_s": round(ended - started),
            "fare": cents(price),
            "driver_earnings": cents(round(price * 0.78)),
            "tip": cents(round(price * dice.between(0.05, 0.25)) if dice.chance(0.3) else 0),
            "currency": "USD",
            **rating,
        }

    def pings(
        self, driver: str, trip: str, origin: Zone, target: Zone, started: float, minutes: float
    ) -> Iterator[tuple[float, Data]]:
        """The driver's positions along the way."""
        (south, west), (north, east) = origin.point or (0, 0), target.point or (0, 0)
        count = 3 + self.dice.hot(10, 1.5)
        for number in range(count):
            share = (number + self.dice.random()) / count
            latitude, longitude = south + (north - south) * share, west + (east - west) * share
            yield (
                started + minutes * 60 * share,
                {
                    "driver_id": driver,
                    "trip_id": trip,
                    "position": {"latitude": round(latitude, 5), "longitude": round(longitude, 5)},
                    "speed_kmh": round(self.dice.between(0, 55), 1),
                    "heading": float(int(self.dice.between(0, 360))),
                    "accuracy_m": round(self.dice.between(3, 30), 1),
                },
            )

    def registration(self, now: float) -> Journey:
        """Somebody joins; most are verified, some become drivers."""
        dice = self.dice
        self.people += 1
        person, place = f"{self.run}-person-{self.people:x}", dice.hot_of(CITIES, 3.0)
        driver = dice.chance(0.2)
        account = {"role": "driver" if driver else "rider", "city": place[0], "country": "US"}
        yield now, "user.registered", {"user_id": person, **account, "channel": dice.hot_of(CHANNELS)}
        registered = now
        if dice.chance(0.25):
            return
        now += self.wait(40, 600)
        how = {"method": dice.hot_of(("document", "bank", "in_person")), "provider": "idcheck"}
        yield now, "user.kyc_verified", {"user_id": person, **how, "registered_at": rfc3339(registered)}
        if not driver and dice.chance(0.15):
            now += self.wait(60, 900)
            vehicle = {"vehicle_type": dice.one_of(VEHICLES), "city": place[0]}
            yield now, "user.upgraded_to_driver", {"user_id": person, **vehicle}

    def offer(self, now: float, number: str) -> Journey:
        """A driver offers a route between two cities; riders book seats on it, or it is withdrawn."""
        dice = self.dice
        origin, target = dice.hot_of(CITIES, 3.0), dice.one_of(CITIES)
        driver = f"driver-{dice.hot(DRIVERS)}"
        route: Data = {
            "route_id": f"route-{number}",
            "driver_id": driver,
            "origin": {"city": origin[0], "state": origin[1], "country": "US"},
            "destination": {"latitude": target[2], "longitude": target[3], "city": target[0]},
            "departure_at": rfc3339(now + 86_400 * dice.between(0.2, 5)),
            "seats": 1 + dice.hot(6, 1.0),
            "price": cents(1000 + dice.hot(6000, 1.0)),
            "currency": "USD",
        }
        yield now, "route.created", route
        now += self.wait(10, 90)
        yield now, "route.activated", route
        if dice.chance(0.2):
            now += self.wait(30, 300)
            route = {**route, "price": cents(1000 + dice.hot(6000, 1.0))}
            yield now, "route.updated", route
        if dice.chance(0.15):
            now += self.wait(60, 600)
            yield now, "route.cancelled", {**route, "reason": dice.one_of(("no_bookings", "vehicle"))}
            return
        now += self.wait(30, 300)
        rider = f"rider-{dice.hot(RIDERS)}"
        yield from self.ride(now, f"{number}-1", rider, driver, route["route_id"])

    def somewhere(self, zone: Zone) -> Data:
        """A position in a zone, the way different apps send it."""
        draw = self.dice.random()
        if draw < 0.3 or zone.point is None:
            return {"zone": zone.name}
        near = self.dice.between(-0.004, 0.004), self.dice.between(-0.004, 0.004)
        point: Data = {"latitude": round(zone.point[0] + near[0], 5), "longitude": round(zone.point[1] + near[1], 5)}
        return {**point, "zone": zone.name} if draw < 0.7 else point

    def wait(self, low: float, high: float) -> float:
        """Seconds until the next step."""
        return self.dice.between(low, high) * self.pace


def distance_km(one: Zone, other: Zone) -> float:
    """Between two zones, as the crow flies."""
    (a, b), (c, d) = ((radians(x), radians(y)) for x, y in (one.point or (0, 0), other.point or (0, 0)))
    return 12_742 * asin(sqrt((1 - cos(c - a) + cos(a) * cos(c) * (1 - cos(d - b))) / 2))
