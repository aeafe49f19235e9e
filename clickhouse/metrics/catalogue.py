"""Every metric by name, and by the group that an address answers."""

from collections.abc import Iterable
from typing import Final

from clickhouse.metrics import rides, ticketing
from clickhouse.metrics.metric import Metric
from streams.errors import QueryRefused
from streams.unknown import nearest

METRICS: Final = (*rides.METRICS, *ticketing.METRICS)
BY_NAME: Final = {metric.name: metric for metric in METRICS}
GROUPS: Final = tuple(dict.fromkeys(group for metric in METRICS for group in metric.groups))


def of_group(group: str) -> tuple[Metric, ...]:
    """The metrics that an address answers."""
    return tuple(metric for metric in METRICS if group in metric.groups)


def find(name: str, among: Iterable[Metric] = METRICS) -> Metric:
    """A metric by `domain.name`, or by its name alone where one domain has it. Raises QueryRefused."""
    known = tuple(among)
    found = [metric for metric in known if name in (metric.name, metric.short)]
    if len(found) == 1:
        return found[0]
    if found:
        names = tuple(metric.name for metric in found)
        raise QueryRefused(
            f"{name!r} is a metric of more than one domain.",
            code="ambiguous_metric",
            value=name,
            hint=f"Write {' or '.join(names)}.",
            near=names,
        )
    near = nearest(name.rpartition(".")[2], {metric.short for metric in known}, most=5)
    raise QueryRefused(
        f"No metric is called {name!r}.",
        code="unknown_metric",
        value=name,
        hint="`millrace metrics list` and docs/METRICS_CATALOG.md list all.",
        near=tuple(metric.name for each in near for metric in known if metric.short == each),
    )
