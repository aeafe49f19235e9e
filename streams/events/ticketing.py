"""Event ticketing: page views, interactions, sales."""

from typing import ClassVar

from streams.events.base import Event
from streams.events.fields import (
    Currency,
    Id,
    Label,
    Price,
    Quantity,
    Text,
    Time,
    UInt16,
    UInt32,
    Url,
    UserAgent,
)
from streams.events.rules import Rule, amount_adds_up, someone


class Visit(Event):
    """Who did it, with what, from where: the context of every interaction and sale."""

    rules: ClassVar[tuple[Rule, ...]] = (someone,)

    session_id: Id | None = None
    """The visit; required unless `user_id` is given."""
    user_id: Id | None = None
    """The signed-in visitor."""
    user_agent: UserAgent | None = None
    """The browser's description of itself."""
    country: Label | None = None
    """Country code of the visitor."""
    region: Label | None = None
    """Region of the visitor."""
    city: Label | None = None
    """City of the visitor."""


class AboutTicketedEvent(Visit):
    """An interaction with one ticketed event."""

    ticketed_event_id: Id
    """The happening that tickets are sold for."""
    organizer_id: Id
    """Who organizes it."""


class PageViewed(Visit, name="page.viewed", topic="ticketing.pages"):
    """A visitor opened a page."""

    url: Url
    """Address of the page."""
    referrer: Url | None = None
    """Address of the page that linked to it; may be empty."""
    duration_ms: UInt32 | None = None
    """How long the page was looked at, milliseconds."""


class EventViewed(AboutTicketedEvent, name="event.viewed", topic="ticketing.interactions"):
    """A visitor looked at a ticketed event."""


class EventShared(AboutTicketedEvent, name="event.shared", topic="ticketing.interactions"):
    """A visitor shared a ticketed event."""


class EventFavorited(AboutTicketedEvent, name="event.favorited", topic="ticketing.interactions"):
    """A visitor marked a ticketed event as a favorite."""


class EventSearched(Visit, name="event.searched", topic="ticketing.interactions"):
    """A visitor searched for ticketed events."""

    query: Text
    """What was searched for; may be empty."""
    results: UInt32
    """How many ticketed events were found."""


class TicketSelected(AboutTicketedEvent, name="ticket.selected", topic="ticketing.interactions"):
    """A visitor put tickets into the basket."""

    ticket_type_id: Id
    """Kind of ticket."""
    quantity: Quantity
    """How many."""


class CheckoutStarted(AboutTicketedEvent, name="checkout.started", topic="ticketing.interactions"):
    """A visitor went to pay."""

    order_id: Id
    """The order."""
    amount: Price
    """What is to be paid."""
    currency: Currency
    """Currency of the amount."""


class TicketPurchased(AboutTicketedEvent, name="ticket.purchased", topic="ticketing.sales"):
    """One line of an order was paid."""

    rules = (someone, amount_adds_up)

    order_id: Id
    """The order."""
    line: UInt16
    """Line of the order; together with `order_id` it names the sale."""
    ticket_type_id: Id
    """Kind of ticket."""
    quantity: Quantity
    """Tickets of this line."""
    unit_price: Price
    """Price of one ticket."""
    fees: Price
    """Fees of the line."""
    discount: Price
    """Discount on the line."""
    amount: Price
    """What was paid for the line: quantity x unit_price + fees - discount."""
    currency: Currency
    """Currency of the amounts."""
    payment_method: Label
    """How it was paid, such as `card`, `wallet`, `invoice`."""
    promo_code: Id | None = None
    """Promotion code, if one was used."""


class TicketRefunded(AboutTicketedEvent, name="ticket.refunded", topic="ticketing.sales"):
    """Tickets of one line were given back."""

    order_id: Id
    """The order."""
    line: UInt16
    """Line of the order."""
    ticket_type_id: Id
    """Kind of ticket."""
    quantity: Quantity
    """Tickets given back."""
    refund_amount: Price
    """Amount given back."""
    currency: Currency
    """Currency of the amount."""
    reason: Label
    """Why, as a short word."""
    purchased_at: Time
    """When the tickets had been bought."""


class TicketCheckedIn(AboutTicketedEvent, name="ticket.checked_in", topic="ticketing.sales"):
    """A ticket was shown at the door."""

    ticket_id: Id
    """The ticket."""
    order_id: Id
    """Order that it was bought with."""
    ticket_type_id: Id
    """Kind of ticket."""
