"""Every event of the product: this list of modules is the one place that names them."""

from streams.events import catalog, rides, ticketing
from streams.events.base import ENVELOPE, Column, Event, EventSpec, Registry, registry

__all__ = ["ENVELOPE", "Column", "Event", "EventSpec", "Registry", "catalog", "registry", "rides", "ticketing"]
