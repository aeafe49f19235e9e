"""What the catalogue looks like, for OpenAPI and docs/API.md."""

from typing import Literal

from pydantic import BaseModel, ConfigDict


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class CatalogueSource(_Model):
    """A table that a metric can be read from."""

    table: str
    """Its name."""
    minutes: int | None
    """Length of its buckets; null: it holds the events themselves."""
    exact: bool
    """Whether the value is exact; else distinct counts are within 2 %, percentiles within 0.8 %."""
    dimensions: list[str]
    """Dimensions of the metric that it knows."""


class CatalogueMetric(_Model):
    """What a metric is."""

    name: str
    """Domain and name."""
    domain: str
    """The domain."""
    groups: list[str]
    """The addresses that answer it: `/v1/metrics/<group>`."""
    sentence: str
    """What it is."""
    formula: str
    """How it is computed."""
    unit: Literal["count", "ratio", "money", "seconds", "kilometres", "stars", "each"]
    """What a value counts in; money has a value for each currency."""
    dimensions: list[str]
    """What it can be grouped and filtered by."""
    rolling_days: int | None
    """Of rolling metrics: each day's value is over so many days. They are told by `day` alone."""
    zero_of_nothing: bool
    """Whether a period without events, which has no row, has 0; else it is unknown, as a mean of nothing is."""
    cache: Literal["fact", "cohort"]
    """How long an answer about a closed period is kept: cohort ones shorter, since what began may still end."""
    sources: list[CatalogueSource]
    """Where it is read, the smallest first."""


class CatalogueEvent(_Model):
    """An event type that can be a step."""

    name: str
    """The type."""
    sentence: str
    """What it says happened."""
    of: list[str]
    """Whose journeys it can be a step of."""
    dimensions: list[str]
    """What it can be broken down and filtered by."""


class CatalogueDomain(_Model):
    """A domain of events."""

    name: str
    """The domain."""
    sentence: str
    """What it is."""
    zone: str
    """IANA zone in which periods are cut if a question names none."""
    of: list[str]
    """Whose journeys can be asked for, the usual one first."""
    events: list[CatalogueEvent]
    """Its event types, but for those of which only a sample is kept."""


class Catalogue(_Model):
    """What can be asked."""

    granularities: list[str]
    """Lengths of periods."""
    metrics: list[CatalogueMetric]
    """Every metric."""
    domains: list[CatalogueDomain]
    """Every domain."""
