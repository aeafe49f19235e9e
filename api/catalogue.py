"""What can be asked: every metric and every event type, for the explorer and for programs that build questions."""

from functools import cache
from typing import Any, Final

from fastapi import APIRouter

from api import catalogue_models as models
from clickhouse.analytics.journey import ACTORS
from clickhouse.analytics.step import dimensions
from clickhouse.metrics import shown
from clickhouse.metrics.catalogue import METRICS
from clickhouse.metrics.periods import Granularity
from streams.events import EventSpec, registry
from streams.events.domains import DOMAINS, Domain
from streams.sampling import SAMPLED_TYPE

PATH: Final = "/v1/catalogue"


def routes() -> APIRouter:
    """The router of this address."""
    router = APIRouter(tags=["metrics"])

    @router.get(
        PATH,
        response_model=models.Catalogue,
        description="Every metric with its sentence, unit and dimensions, and every event type that a step of product "
        "analytics can be. It holds no numbers, and needs no key.",
    )
    async def catalogue() -> dict[str, Any]:
        return content()

    return router


@cache
def content() -> dict[str, Any]:
    """The answer; it changes with the code alone."""
    return {
        "granularities": [each.value for each in Granularity],
        "metrics": [shown.declaration(metric) for metric in METRICS],
        "domains": [_domain(domain) for domain in DOMAINS.values()],
    }


def _domain(domain: Domain) -> dict[str, Any]:
    return {
        "name": domain.name,
        "sentence": domain.doc,
        "zone": domain.reporting_zone,
        "of": [actor.name for actor in ACTORS[domain.name]],
        "events": [_event(spec) for spec in registry.of(domain) if spec.name != SAMPLED_TYPE],
    }


def _event(spec: EventSpec) -> dict[str, Any]:
    return {
        "name": spec.name,
        "sentence": " ".join(spec.doc.split()),
        "of": [actor.name for actor in ACTORS[spec.domain.name] if actor.does(spec)],
        "dimensions": list(dimensions(spec)),
    }
