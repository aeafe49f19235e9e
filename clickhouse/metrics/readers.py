"""Which metrics of the catalogue read a table: the readings, the other way round."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from clickhouse.metrics.catalogue import METRICS


@dataclass(slots=True)
class Readers:
    """Names of the metrics that read one table, in the order of the catalogue."""

    first: list[str] = field(default_factory=list)
    """Of these it is the smallest source, which is asked before all others."""
    otherwise: list[str] = field(default_factory=list)
    """It answers these where a smaller source lacks a dimension, or is cut too coarsely."""


def by_table() -> Mapping[str, Readers]:
    """The readers of each table that has any. Raises ConfigurationError where a metric's file is wrong."""
    found: dict[str, Readers] = {}
    for metric in METRICS:
        tables = list(dict.fromkeys(reading.source.table for reading in metric.readings))
        for number, table in enumerate(tables):
            readers = found.setdefault(table, Readers())
            (readers.otherwise if number else readers.first).append(metric.name)
    return found
