"""The domains of the product: their topics and keys, raw tables, reporting zones and derived columns."""

from dataclasses import dataclass
from typing import Final

from streams.events.columns import LABEL, Column


@dataclass(frozen=True, slots=True)
class Topic:
    """A source topic of Kafka."""

    name: str
    """Topic name; the part before the dot is the domain."""
    keys: tuple[str, ...]
    """Fields of the data that give the record's key: the first that is given."""
    doc: str
    """What flows through it."""


@dataclass(frozen=True, slots=True)
class Domain:
    """A field of business with events, tables and a reporting zone of its own."""

    name: str
    """Word in topics, metrics and the shared tables."""
    raw_table: str
    """ClickHouse table that takes every event of the domain."""
    reporting_zone: str
    """IANA zone in which reports cut days, unless a setting says otherwise."""
    currencies: tuple[str, ...]
    """Currencies that generated data and dashboards show first; every active currency is accepted."""
    topics: tuple[Topic, ...]
    """Source topics."""
    derived: tuple[Column, ...] = ()
    """Columns that the enrichment adds to every row."""
    doc: str = ""
    """What the domain is about."""


RIDES: Final = Domain(
    name="rides",
    raw_table="events_raw",
    reporting_zone="America/New_York",
    currencies=("USD",),
    topics=(
        Topic("rides.user", ("user_id",), "Registrations, KYC and upgrades of riders and drivers."),
        Topic("rides.booking", ("user_id",), "The life of a booking."),
        Topic("rides.payment", ("user_id",), "The life of a payment."),
        Topic("rides.trip", ("user_id",), "Trips as they are driven."),
        Topic("rides.route", ("driver_id",), "Routes that drivers offer."),
        Topic("rides.location", ("driver_id",), "Positions of drivers; sampled."),
    ),
    doc="Ride sharing: riders book seats on routes that drivers offer.",
)

TICKETING: Final = Domain(
    name="ticketing",
    raw_table="events",
    reporting_zone="UTC",
    currencies=("EUR", "USD", "GBP"),
    topics=(
        Topic("ticketing.interactions", ("session_id", "user_id"), "What visitors do short of buying."),
        Topic("ticketing.pages", ("session_id", "user_id"), "Page views."),
        Topic("ticketing.sales", ("session_id", "user_id"), "Tickets sold, refunded and checked in."),
        Topic("ticketing.catalog", ("organizer_id", "user_id"), "The whole state of what the dimensions hold."),
    ),
    derived=(
        Column(LABEL, "device_type", "Kind of device, from the user agent."),
        Column(LABEL, "browser", "Browser family, from the user agent."),
        Column(LABEL, "os", "Operating system, from the user agent."),
    ),
    doc="Event ticketing: visitors look at ticketed events and buy tickets of organizers.",
)

DOMAINS: Final[dict[str, Domain]] = {domain.name: domain for domain in (RIDES, TICKETING)}
TOPICS: Final[dict[str, Topic]] = {topic.name: topic for domain in DOMAINS.values() for topic in domain.topics}
