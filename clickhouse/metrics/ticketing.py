"""The metrics of event ticketing: one line each, beside its file in sql/ticketing."""

from functools import partial
from typing import Final

from clickhouse.metrics.metric import Metric, Unit
from streams.events.domains import TICKETING

_SALES: Final = ("sales",)
_EVENTS: Final = ("events",)
_SELLING: Final = ("sales", "events", "organizers")
_SHOWING: Final = ("events", "organizers")
_AUDIENCE: Final = ("audience",)
_EVENT: Final = ("ticketed_event_id", "organizer_id")
_PLACE: Final = ("country", "region", "city")
_DEVICE: Final = ("device_type", "os", "browser")
_PAID: Final = ("payment_method", "promoted")
_COUNT, _RATIO, _MONEY = Unit.COUNT, Unit.RATIO, Unit.MONEY
_metric = partial(Metric, TICKETING)

METRICS: Final = (
    _metric(
        "tickets_sold",
        _SELLING,
        _COUNT,
        "Tickets paid for.",
        "sum of quantity of ticket.purchased",
        (*_PAID, *_PLACE, *_DEVICE, *_EVENT),
    ),
    _metric(
        "tickets_refunded",
        _SELLING,
        _COUNT,
        "Tickets given back.",
        "sum of quantity of ticket.refunded",
        ("reason", *_PLACE, *_EVENT),
    ),
    _metric(
        "orders",
        _SELLING,
        _COUNT,
        "Orders paid for, each once however many lines it has.",
        "distinct order_id of ticket.purchased",
        (*_PAID, *_EVENT),
    ),
    _metric(
        "gross_revenue",
        _SELLING,
        _MONEY,
        "Tickets sold, fees in, discounts off.",
        "sum of amount of ticket.purchased",
        (*_PAID, *_PLACE, *_EVENT),
    ),
    _metric(
        "refunds",
        _SELLING,
        _MONEY,
        "Money given back, in the period of the refund.",
        "sum of refund_amount of ticket.refunded",
        ("reason", *_PLACE, *_EVENT),
    ),
    _metric(
        "net_revenue",
        _SELLING,
        _MONEY,
        "Sales less refunds, each in its own period.",
        "gross_revenue - refunds",
        (*_PLACE, *_EVENT),
    ),
    _metric("fees", _SELLING, _MONEY, "Fees in what was paid.", "sum of fees of ticket.purchased", (*_PAID, *_EVENT)),
    _metric(
        "discounts",
        _SELLING,
        _MONEY,
        "Discounts on what was paid.",
        "sum of discount of ticket.purchased",
        (*_PAID, *_EVENT),
    ),
    _metric(
        "average_order_value",
        _SELLING,
        _MONEY,
        "Mean of what an order paid.",
        "gross_revenue / orders",
        (*_PAID, *_EVENT),
    ),
    _metric(
        "refund_rate",
        _SELLING,
        _RATIO,
        "Tickets given back for a ticket sold, both in the period.",
        "tickets_refunded / tickets_sold",
        (*_PLACE, *_EVENT),
    ),
    _metric(
        "promotion_share",
        _SALES,
        _RATIO,
        "Share of the tickets that were sold with a promotion code.",
        "tickets with promo_code / tickets_sold",
        ("payment_method",),
    ),
    _metric(
        "customers",
        _SELLING,
        _COUNT,
        "People who bought.",
        "distinct user_id, else session_id, of ticket.purchased",
        (*_PLACE, *_DEVICE, *_EVENT),
    ),
    _metric(
        "visit_conversion",
        (*_SALES, *_AUDIENCE),
        _RATIO,
        "Buyers for a person who looked at a page, both in the period.",
        "people with ticket.purchased / people with page.viewed",
        (*_PLACE, *_DEVICE),
    ),
    _metric(
        "checkout_conversion",
        _SELLING,
        _RATIO,
        "Buyers for a person who went to pay, both in the period.",
        "people with ticket.purchased / people with checkout.started",
        (*_PLACE, *_DEVICE, *_EVENT),
    ),
    _metric(
        "event_conversion",
        _SHOWING,
        _RATIO,
        "Buyers for a person who looked at a ticketed event, both in the period.",
        "people with ticket.purchased / people with event.viewed",
        (*_PLACE, *_DEVICE, *_EVENT),
    ),
    _metric("event_views", _SHOWING, _COUNT, "Looks at ticketed events.", "event.viewed", (*_PLACE, *_DEVICE, *_EVENT)),
    _metric("event_shares", _SHOWING, _COUNT, "Ticketed events shared.", "event.shared", _EVENT),
    _metric("event_favorites", _SHOWING, _COUNT, "Ticketed events marked as a favorite.", "event.favorited", _EVENT),
    _metric(
        "tickets_selected",
        _SHOWING,
        _COUNT,
        "Times that tickets were put into a basket.",
        "ticket.selected",
        (*_DEVICE, *_EVENT),
    ),
    _metric(
        "checkouts",
        _SELLING,
        _COUNT,
        "Times that somebody went to pay.",
        "checkout.started",
        (*_PLACE, *_DEVICE, *_EVENT),
    ),
    _metric("check_ins", _SHOWING, _COUNT, "Tickets shown at the door.", "ticket.checked_in", _EVENT),
    _metric(
        "visitors",
        _AUDIENCE,
        _COUNT,
        "People who looked at a page or a ticketed event, searched, went to pay or bought.",
        "distinct user_id, else session_id",
        (*_PLACE, *_DEVICE),
    ),
    _metric(
        "weekly_visitors",
        _AUDIENCE,
        _COUNT,
        "Visitors of the seven days that end with a day.",
        "distinct visitors of 7 days",
        (*_PLACE, *_DEVICE),
        rolling_days=7,
    ),
    _metric(
        "monthly_visitors",
        _AUDIENCE,
        _COUNT,
        "Visitors of the thirty days that end with a day.",
        "distinct visitors of 30 days",
        (*_PLACE, *_DEVICE),
        rolling_days=30,
    ),
    _metric("sessions", _AUDIENCE, _COUNT, "Visits in which that happened.", "distinct session_id", _DEVICE),
    _metric("page_views", _AUDIENCE, _COUNT, "Pages opened.", "page.viewed", (*_PLACE, *_DEVICE)),
    _metric(
        "page_seconds",
        _AUDIENCE,
        Unit.SECONDS,
        "Mean time on a page, of the views that say it.",
        "sum of duration_ms / number of durations given",
        _DEVICE,
    ),
    _metric(
        "pages_per_session",
        _AUDIENCE,
        Unit.EACH,
        "Pages opened for a session that opened one.",
        "page_views / distinct session_id of page.viewed",
        _DEVICE,
    ),
    _metric("searches", _AUDIENCE, _COUNT, "Searches for ticketed events.", "event.searched", (*_PLACE, *_DEVICE)),
    _metric(
        "people_at_step",
        (*_AUDIENCE, *_EVENTS),
        _COUNT,
        "People who reached each step of the way to a ticket, in whatever order.",
        "distinct user_id, else session_id, by event type",
        ("step", "device_type", "country"),
    ),
)
