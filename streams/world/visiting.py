"""What happens on a ticketing platform: organizers publish, visitors look, search, buy, give back and come."""

from typing import Any

from streams.world.dice import Dice, cents
from streams.world.record import Journey, rfc3339

ORGANIZERS = 60
PUBLISHED_KEPT = 2_000
"""Ticketed events that visitors still find; older ones have gone."""
CUSTOMERS = 50_000
PLACES = (
    ("DE", "Berlin", "Berlin"),
    ("GB", "England", "London"),
    ("US", "New York", "New York"),
    ("FR", "Île-de-France", "Paris"),
    ("ES", "Catalonia", "Barcelona"),
    ("NL", "North Holland", "Amsterdam"),
    ("US", "California", "Los Angeles"),
    ("PL", "Mazovia", "Warsaw"),
    ("JP", "Tokyo", "Tokyo"),
)
ZONES = {"DE": "Europe/Berlin", "GB": "Europe/London", "FR": "Europe/Paris", "ES": "Europe/Madrid"}
CURRENCIES = {"GB": "GBP", "US": "USD", "JP": "JPY"}
CATEGORIES = ("concert", "theatre", "conference", "sport", "festival", "workshop")
KINDS = ("Standard", "Early bird", "VIP")
WORDS = ("jazz", "rock", "python", "marathon", "opera", "comedy", "food", "startup", "kids", "electronic")
REFERRERS = ("", "https://search.example/", "https://social.example/feed", "https://mail.example/")
PAYMENTS = ("card", "wallet", "invoice")
WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
SAFARI = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
AGENTS = (
    f"Mozilla/5.0 (Linux; Android 14; SM-S918B) {WEBKIT} Chrome/1%d.0.0.0 Mobile Safari/537.36",
    f"Mozilla/5.0 (iPhone; CPU iPhone OS 17_%d like Mac OS X) {SAFARI} Version/17.1 Mobile/15E148 Safari/604.1",
    f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/1%d.0.0.0 Safari/537.36",
    f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {SAFARI} Version/17.%d Safari/605.1.15",
    "Mozilla/5.0 (X11; Linux x86_64; rv:1%d.0) Gecko/20100101 Firefox/121.0",
    f"Mozilla/5.0 (iPad; CPU OS 16_%d like Mac OS X) {SAFARI} Version/16.6 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (compatible; Googlebot/2.%d; +http://www.google.com/bot.html)",
)
"""User agents, the commonest first."""

Data = dict[str, Any]


class Visiting:
    """The organizers, customers and habits of the ticketing domain."""

    domain = "ticketing"

    def __init__(self, dice: Dice, run: str, pace: float) -> None:
        """`run` is part of every id; `pace` below 1 makes everything happen so much faster."""
        self.dice = dice
        self.run = run
        self.pace = pace
        self.journeys = 0
        self.organizers: set[int] = set()
        self.published: list[Data] = []

    def journey(self, now: float) -> Journey:
        """Something that begins now."""
        self.journeys += 1
        number = f"{self.run}-{self.journeys:x}"
        if not self.published or self.dice.chance(0.01):
            return self.publication(now, number, self.dice.hot(ORGANIZERS, 1.5))
        if self.dice.chance(0.03):
            return self.welcome(now, number)
        return self.visit(now, number)

    def publication(self, now: float, number: str, who: int) -> Journey:
        """An organizer, if new, and a ticketed event with its kinds of ticket."""
        dice = self.dice
        country, region, city = place = dice.hot_of(PLACES)
        organizer = f"organizer-{who}"
        category = dice.hot_of(CATEGORIES)
        starts = now + 86_400 * dice.between(2, 90)
        happening: Data = {
            "ticketed_event_id": f"event-{number}",
            "organizer_id": organizer,
            "title": f"{dice.one_of(WORDS).title()} {category} in {city}",
            "category": category,
            "venue": f"Hall {dice.hot(40)}",
            "country": country,
            "region": region,
            "city": city,
            "starts_at": rfc3339(starts),
            "ends_at": rfc3339(starts + 3600 * dice.between(2, 8)),
            "time_zone": ZONES.get(country, "UTC"),
            "capacity": 50 + dice.hot(5000),
            "currency": CURRENCIES.get(country, "EUR"),
            "status": "on_sale",
        }
        # Visitors find it from now on, even while the catalog's own events are on their way.
        base = 1000 + dice.hot(12_000, 2.0) // 100 * 100
        prices = [base, base * 8 // 1000 * 100, base * 3]
        self.published.append({**happening, "prices": prices})
        del self.published[:-PUBLISHED_KEPT]
        if who not in self.organizers:
            self.organizers.add(who)
            yield now, "organizer.updated", self.organizer(organizer, place, category, now)
        yield now, "event.published", happening
        for kind, price in zip(KINDS, prices, strict=True):
            now += self.wait(0.1, 2)
            yield (
                now,
                "ticket_type.updated",
                {
                    "ticket_type_id": f"{happening['ticketed_event_id']}-{kind.split()[0].lower()}",
                    "ticketed_event_id": happening["ticketed_event_id"],
                    "organizer_id": organizer,
                    "name": kind,
                    "price": money(price, happening["currency"]),
                    "currency": happening["currency"],
                    "capacity": 20 + dice.hot(1000),
                    "on_sale_from": rfc3339(now),
                },
            )
        if dice.chance(0.3):
            now += self.wait(60, 1800)
            yield now, "event.updated", {**happening, "status": dice.hot_of(("on_sale", "sold_out", "postponed"))}

    def organizer(self, organizer: str, place: tuple[str, str, str], category: str, now: float) -> Data:
        """The whole organizer."""
        return {
            "organizer_id": organizer,
            "name": organizer.replace("-", " ").title(),
            "country": place[0],
            "city": place[2],
            "category": category,
            "plan": self.dice.hot_of(("free", "pro", "enterprise")),
            "status": "active",
            "joined_at": rfc3339(now - 86_400 * self.dice.between(1, 900)),
        }

    def welcome(self, now: float, number: str) -> Journey:
        """A customer registers, then looks around."""
        country, _, city = self.dice.hot_of(PLACES)
        customer = {"user_id": f"customer-{number}", "country": country, "city": city, "registered_at": rfc3339(now)}
        yield now, "customer.updated", {**customer, "marketing_opt_in": self.dice.chance(0.4)}
        yield from self.visit(now + self.wait(1, 20), number, customer["user_id"])

    def visit(self, now: float, number: str, customer: str | None = None) -> Journey:
        """One session: a few pages, perhaps a purchase."""
        dice = self.dice
        country, region, city = dice.hot_of(PLACES)
        if customer is None and dice.chance(0.4):
            customer = f"customer-{dice.hot(CUSTOMERS)}"
        agent = dice.hot_of(AGENTS) % dice.hot(20)
        visitor = {"session_id": f"session-{number}", "user_id": customer, "user_agent": agent}
        visitor |= {"country": country, "region": region, "city": city}
        yield now, "page.viewed", {**visitor, "url": "/", "referrer": dice.hot_of(REFERRERS)}
        if dice.chance(0.35):
            now += self.wait(2, 30)
            yield now, "event.searched", {**visitor, "query": dice.hot_of(WORDS), "results": dice.hot(60)}
        for _ in range(1 + dice.hot(5)):
            chosen = dice.hot_of(self.published)
            about = {"ticketed_event_id": chosen["ticketed_event_id"], "organizer_id": chosen["organizer_id"]}
            now += self.wait(2, 60)
            url = f"/events/{chosen['ticketed_event_id']}"
            looked = {"url": url, "duration_ms": int(dice.between(500, 90_000))}
            yield now, "page.viewed", {**visitor, **looked}
            yield now + 0.2, "event.viewed", {**visitor, **about}
            if dice.chance(0.08):
                now += self.wait(1, 20)
                yield now, dice.one_of(("event.shared", "event.favorited")), {**visitor, **about}
            if dice.chance(0.16):
                yield from self.purchase(now + self.wait(3, 60), number, visitor, about, chosen)
                return

    def purchase(self, now: float, number: str, visitor: Data, about: Data, chosen: Data) -> Journey:
        """Tickets into the basket, and on to the door for those who stay."""
        dice = self.dice
        currency, order = chosen["currency"], f"order-{number}"
        lines = []
        for kind, price in list(zip(KINDS, chosen["prices"], strict=True))[: 1 + dice.hot(3)]:
            ticket = f"{chosen['ticketed_event_id']}-{kind.split()[0].lower()}"
            quantity = 1 + dice.hot(4)
            yield now, "ticket.selected", {**visitor, **about, "ticket_type_id": ticket, "quantity": quantity}
            # In whole hundreds, so that currencies without cents stay whole.
            fees, discount = quantity * 100, (price // 1000 * 100 if dice.chance(0.1) else 0)
            lines.append((ticket, quantity, price, fees, discount, quantity * price + fees - discount))
            now += self.wait(1, 15)
        if dice.chance(0.35):
            return
        total = money(sum(line[-1] for line in lines), currency)
        yield now, "checkout.started", {**visitor, **about, "order_id": order, "amount": total, "currency": currency}
        if dice.chance(0.3):
            return
        now += self.wait(20, 200)
        method = dice.hot_of(PAYMENTS)
        for line, (ticket, quantity, *amounts) in enumerate(lines, 1):
            each, fee, off, amount = (money(value, currency) for value in amounts)
            sold = {"order_id": order, "line": line, **about, "ticket_type_id": ticket, "quantity": quantity}
            paid = {"unit_price": each, "fees": fee, "discount": off, "amount": amount, "currency": currency}
            promo = {"promo_code": "SPRING"} if off != money(0, currency) else {}
            yield now, "ticket.purchased", {**visitor, **sold, **paid, "payment_method": method, **promo}
        ticket, quantity, *_, refund = lines[0]
        one = {"order_id": order, **about, "ticket_type_id": ticket}
        purchased = now
        now += self.wait(600, 2400)
        if dice.chance(0.06):
            back = {"line": 1, "quantity": quantity, "refund_amount": money(refund, currency), "currency": currency}
            back |= {"reason": dice.hot_of(("cannot_come", "cancelled_event")), "purchased_at": rfc3339(purchased)}
            yield now, "ticket.refunded", {**visitor, **one, **back}
        elif dice.chance(0.3):
            yield now, "ticket.checked_in", {**visitor, **one, "ticket_id": f"{order}-1"}

    def wait(self, low: float, high: float) -> float:
        """Seconds until the next step."""
        return self.dice.between(low, high) * self.pace


def money(amount: int, currency: str) -> str:
    """An amount in hundredths as text; currencies without cents have none."""
    return str(amount // 100) if currency == "JPY" else cents(amount)
