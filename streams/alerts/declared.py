"""The alerts of both domains. A line more here is an alert more; docs/alerts.md tells what a rule may say."""

from typing import Final

from streams.alerts.rule import Ratio, Rule

_FAILING: Final = Ratio(("failed",), ("succeeded", "failed"), least=20)

RULES: Final[tuple[Rule, ...]] = (
    Rule(
        name="rides-payments-failing",
        window="rides.payments.1m",
        measure=_FAILING,
        above=0.05,
        recover=0.03,
        for_seconds=600,
        recover_for_seconds=600,
        summary="{value:.1%} of the payments of rides fail, more than {threshold:.0%}",
    ),
    Rule(
        name="rides-payments-down",
        window="rides.payments.1m",
        measure=_FAILING,
        above=0.25,
        recover=0.1,
        for_seconds=120,
        recover_for_seconds=300,
        severity="critical",
        summary="{value:.1%} of the payments of rides fail, more than {threshold:.0%}",
    ),
    Rule(
        name="rides-bookings-stopped",
        window="rides.bookings.1m",
        measure="created",
        below=1,
        for_seconds=900,
        recover_for_seconds=120,
        summary="nobody books a ride",
    ),
    Rule(
        name="ticketing-sales-stopped",
        window="ticketing.sales.1m",
        measure="purchased",
        below=1,
        for_seconds=1800,
        recover_for_seconds=300,
        severity="info",
        summary="nobody buys a ticket",
    ),
)
