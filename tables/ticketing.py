"""The declared windows of event ticketing."""

from streams.events.domains import TICKETING
from tables.aggregates import Aggregate, Count, Distinct, Mean, Money, Quantiles, Rate, Sum, Top, Within
from tables.window import DURATION, Declared, Measures, Session

INTERACTION_TYPES = (
    "event.viewed",
    "event.shared",
    "event.favorited",
    "event.searched",
    "ticket.selected",
    "checkout.started",
)
SALE_TYPES = ("ticket.purchased", "ticket.refunded", "ticket.checked_in")
VISIT_TYPES = ("page.viewed", *INTERACTION_TYPES, *SALE_TYPES)
FUNNEL_TYPES = ("page.viewed", "event.viewed", "ticket.selected", "checkout.started", "ticket.purchased")

SALES: tuple[Aggregate, ...] = (
    Count("purchased", ("ticket.purchased",), "Order lines paid.", "lines"),
    Sum("tickets", ("ticket.purchased",), "Tickets sold.", "tickets", "quantity"),
    Money("revenue", ("ticket.purchased",), "Paid, before refunds.", "", "amount"),
    Count("refunded", ("ticket.refunded",), "Order lines given back.", "lines"),
    Money("refunds", ("ticket.refunded",), "Given back.", "", "refund_amount"),
    Count("checked_in", ("ticket.checked_in",), "Tickets shown at the door.", "tickets"),
)
FUNNEL: tuple[Aggregate, ...] = (
    Count("viewed", ("event.viewed",), "Looks at a ticketed event.", "events"),
    Count("selected", ("ticket.selected",), "Tickets put into a basket.", "events"),
    Count("checkouts", ("checkout.started",), "Visitors who went to pay.", "events"),
    *SALES[:3],
)


PAGES = Measures(
    "ticketing.pages",
    TICKETING,
    ("page.viewed",),
    (
        Count("views", (), "Page views.", "views"),
        Distinct("visits", (), "Visits with a page view.", "visits", "session_id"),
        Top("pages", (), "Pages viewed most.", "views", "url"),
    ),
)
INTERACTIONS = Measures(
    "ticketing.interactions",
    TICKETING,
    INTERACTION_TYPES,
    (Count("events", (), "Interactions.", "events"),),
    ("event_type",),
)
STEPS = Measures(
    "ticketing.funnel",
    TICKETING,
    FUNNEL_TYPES,
    tuple(
        Distinct(step, (kind,), f"Visits with {kind}.", "visits", "session_id")
        for step, kind in zip(("page", "event", "select", "checkout", "purchase"), FUNNEL_TYPES, strict=True)
    ),
)
ALL_SALES = Measures("ticketing.sales", TICKETING, SALE_TYPES, SALES)
DASHBOARD = Measures(
    "ticketing.dashboard",
    TICKETING,
    VISIT_TYPES,
    (
        Distinct("users", (), "Signed-in visitors.", "people", "user_id"),
        Distinct("visits", (), "Visits.", "visits", "session_id"),
        Rate("events_per_second", (), "Events a second.", "events/s"),
        Count("page_views", ("page.viewed",), "Page views.", "views"),
        *SALES,
    ),
)
SESSIONS = Session(
    "ticketing.sessions",
    TICKETING,
    VISIT_TYPES,
    (
        Count("events", (), "Everything that the visitor did.", "events"),
        Count("page_views", ("page.viewed",), "Page views.", "views"),
        Distinct("pages", ("page.viewed",), "Different pages.", "pages", "url"),
        Count("event_views", ("event.viewed",), "Looks at a ticketed event.", "events"),
        Count("checkouts", ("checkout.started",), "Ways to the till.", "events"),
        *SALES[:3],
    ),
    ("session_id", "user_id"),
    retention=600,
    gap=1800,
    ended=(
        Count("ended", (), "Visits that ended.", "visits"),
        Quantiles("duration_s", (), "How long they were, first event to last.", "s", DURATION, of=(0.5, 0.9)),
        Mean("duration_mean_s", (), "How long they were, on average.", "s", DURATION),
        Mean("events_mean", (), "Events of a visit, on average.", "events", "events"),
        Mean("page_views_mean", (), "Page views of a visit, on average.", "views", "page_views"),
        Within("bounced", (), "Visits of a single event.", "visits", "events", most=1),
        Within("bought", (), "Visits in which tickets were paid.", "visits", "purchased", least=1),
    ),
    doc="Visits: a visitor's events until half an hour passes without one. Live are those that ended in the last hour.",
)


def declare(to: Declared) -> None:
    """Enter the windows."""
    for over in (PAGES, INTERACTIONS, STEPS, ALL_SALES):
        to.tumbling(f"{over.name}.1m", over, size=60)
        to.tumbling(f"{over.name}.5m", over, size=300)
        to.hopping(f"{over.name}.1h", over, size=3600, slide=60)
    for place, column in (("organizer", "organizer_id"), ("event", "ticketed_event_id")):
        over = Measures(f"ticketing.sales.by_{place}", TICKETING, FUNNEL_TYPES[1:], FUNNEL, (column,))
        to.tumbling(f"{over.name}.5m", over, size=300)
    to.tumbling("ticketing.dashboard.1m", DASHBOARD, size=60)
    to.tumbling("realtime_dashboard", DASHBOARD, size=300)
    to.hopping("ticketing.dashboard.1h", DASHBOARD, size=3600, slide=60)
    to.session(SESSIONS)
