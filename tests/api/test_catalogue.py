"""The catalogue says what can be asked: every metric, and steps that product analytics takes."""

from api import catalogue
from api.catalogue_models import Catalogue
from clickhouse.analytics import journey, step
from clickhouse.metrics.catalogue import METRICS


def test_every_metric_is_told_with_its_tables() -> None:
    found = Catalogue.model_validate(catalogue.content())

    assert [metric.name for metric in found.metrics] == [metric.name for metric in METRICS]
    assert all(metric.sources and metric.groups and metric.sentence for metric in found.metrics)
    assert any(not source.exact for metric in found.metrics for source in metric.sources)


def test_every_event_is_a_step_by_each_of_its_dimensions() -> None:
    found = Catalogue.model_validate(catalogue.content())

    for domain in found.domains:
        for event in domain.events:
            for of in event.of:
                asked = step.ask(journey.ask(domain.name, of), event.name, {})
                for name in event.dimensions:
                    assert step.dimension(journey.ask(domain.name, of), name, [asked]) == name
        assert {"person"} < {*domain.of}
        assert sum("person" in event.of for event in domain.events) >= 8
