"""Event ticketing: the catalog. Each event carries the whole state and feeds the dimensions."""

from typing import Literal

from streams.events.base import Event
from streams.events.fields import Currency, Id, Label, Name, Price, Time, UInt32, Zone, known_zone


class TicketedEvent(Event):
    """The whole ticketed event."""

    rules = (known_zone,)

    ticketed_event_id: Id
    """The happening that tickets are sold for."""
    organizer_id: Id
    """Who organizes it."""
    title: Name
    """Its title."""
    category: Label
    """Its kind, such as `concert`."""
    venue: Name
    """Where it takes place."""
    country: Label
    """Country code of the venue."""
    region: Label
    """Region of the venue."""
    city: Label
    """City of the venue."""
    starts_at: Time
    """When it starts."""
    ends_at: Time
    """When it ends."""
    time_zone: Zone
    """IANA zone of the venue."""
    capacity: UInt32
    """Places."""
    currency: Currency
    """Currency of its tickets."""
    status: Literal["draft", "on_sale", "sold_out", "postponed", "cancelled", "completed"]
    """Its state."""


class EventPublished(TicketedEvent, name="event.published", topic="ticketing.catalog"):
    """A ticketed event became public."""


class EventUpdated(TicketedEvent, name="event.updated", topic="ticketing.catalog"):
    """Something about a ticketed event changed."""


class TicketTypeUpdated(Event, name="ticket_type.updated", topic="ticketing.catalog"):
    """A kind of ticket was created or changed."""

    ticket_type_id: Id
    """Kind of ticket."""
    ticketed_event_id: Id
    """The happening that it is sold for."""
    organizer_id: Id
    """Who organizes it."""
    name: Name
    """Its name, such as `Early bird`."""
    price: Price
    """Price of one ticket."""
    currency: Currency
    """Currency of the price."""
    capacity: UInt32
    """Tickets of this kind."""
    on_sale_from: Time | None = None
    """Start of sale."""
    on_sale_until: Time | None = None
    """End of sale."""


class OrganizerUpdated(Event, name="organizer.updated", topic="ticketing.catalog"):
    """An organizer joined or changed."""

    organizer_id: Id
    """The organizer."""
    name: Name
    """Its name."""
    country: Label
    """Country code."""
    city: Label
    """City."""
    category: Label
    """What it mostly organizes."""
    plan: Label
    """Its plan with the platform."""
    status: Literal["active", "paused", "closed"]
    """Its state."""
    joined_at: Time
    """When it joined."""


class CustomerUpdated(Event, name="customer.updated", topic="ticketing.catalog"):
    """A customer registered or changed."""

    user_id: Id
    """The customer."""
    country: Label
    """Country code."""
    city: Label
    """City."""
    registered_at: Time
    """When the customer registered."""
    marketing_opt_in: bool | None = None
    """Whether the customer agreed to marketing."""
