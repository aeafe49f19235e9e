"""The one window of the benchmark, as the product declares windows: events by minute and type."""

from bench.peers.job import MINUTE
from streams.events import registry
from streams.events.domains import DOMAINS
from tables.aggregates import Count
from tables.window import Declared, Measures


def only_minutes(to: Declared) -> None:
    """Replace whatever is declared."""
    for known in (to.slices, to.windows, to.sessions):
        known.clear()
    for domain in DOMAINS.values():
        kinds = tuple(spec.name for spec in registry.of(domain))
        measures = tuple(Count(measure(kind), (kind,), f"Events {kind}.", "events") for kind in kinds)
        over = Measures(f"bench.{domain.name}", domain, kinds, measures)
        to.tumbling(window(domain.name), over, size=MINUTE)


def window(domain: str) -> str:
    """Name of a domain's window."""
    return f"bench.{domain}.1m"


def measure(kind: str) -> str:
    """Name of the measure that counts an event type."""
    return kind.replace(".", "_")
