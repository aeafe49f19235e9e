"""What a metric is: its declaration, and the statements of its `.sql` file, one for each way to read it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Final

from clickhouse import histogram
from clickhouse.metrics.sources import SOURCES, Source
from streams.errors import ConfigurationError
from streams.events.domains import Domain

FOLDER: Final = Path(__file__).with_name("sql")
_HEAD: Final = re.compile(r"^-- from ([\w, ]+?)(?: by (\w+))?(?: per (\w+): (.+))?$")
_QUANTILE: Final = re.compile(r"quantile|sumMap|arrayFirst")
_NEAR: Final = re.compile(r"uniqCombined64|sumMap")


class Unit(StrEnum):
    """What a value counts in; money comes with a currency."""

    COUNT = "count"
    RATIO = "ratio"
    MONEY = "money"
    SECONDS = "seconds"
    KILOMETRES = "kilometres"
    STARS = "stars"
    EACH = "each"
    """A mean of counts."""


class Cache(StrEnum):
    """How long an answer about a closed period may be kept."""

    FACT = "fact"
    """Only late events change it: `CACHE_TTL_CLOSED_SECONDS`."""
    COHORT = "cohort"
    """What began in the period may still end: `CACHE_TTL_COHORT_SECONDS`."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to read a metric: a statement over one source."""

    source: Source
    measures: str
    """Expressions named `value`, or `numerator` and `denominator`."""
    where: str
    time: str
    """Name of the time that tells the period."""
    per: str = ""
    """Column that rows are grouped by first, into `inner`; `day` for rolling metrics."""
    inner: str = ""

    @property
    def is_exact(self) -> bool:
        """Whether neither a sketch nor a histogram is read."""
        return not _NEAR.search(self.measures + self.inner)

    @property
    def is_ratio(self) -> bool:
        """Whether it gives a numerator and a denominator."""
        return "AS denominator" in self.measures


@dataclass(frozen=True)
class Metric:
    """One number, over time and by its dimensions."""

    domain: Domain
    short: str
    """Name within its domain, and of its file below sql/."""
    groups: tuple[str, ...]
    """The addresses that answer it: `/v1/metrics/<group>`."""
    unit: Unit
    sentence: str
    formula: str
    by: tuple[str, ...] = ()
    """Dimensions; money has `currency` beside them."""
    cache: Cache = Cache.FACT
    rolling_days: int = 0
    """Of rolling metrics: each day's value is over so many days, the last of which it is."""

    @property
    def name(self) -> str:
        """Domain and short name."""
        return f"{self.domain.name}.{self.short}"

    @property
    def is_money(self) -> bool:
        """Whether it has a value for each currency."""
        return self.unit is Unit.MONEY

    @property
    def dimensions(self) -> tuple[str, ...]:
        """All that it can be grouped and filtered by."""
        return (*self.by, *(["currency"] if self.is_money else []))

    @cached_property
    def readings(self) -> tuple[Reading, ...]:
        """The ways to read it, the smallest source first. Raises ConfigurationError where the file is wrong."""
        path = FOLDER / self.domain.name / f"{self.short}.sql"
        return tuple(parse(path.read_text(encoding="utf-8"), self.domain, str(path.name)))

    @cached_property
    def is_zero_of_nothing(self) -> bool:
        """Whether a period without events has 0: a count or a sum has; a mean, a share, a percentile is unknown."""
        reading = self.readings[0]
        return not reading.is_ratio and _QUANTILE.search(reading.measures) is None

    def covers(self, reading: Reading, wanted: Sequence[str]) -> bool:
        """Whether a reading knows these dimensions."""
        return all(name in reading.source.dimensions for name in wanted)


def parse(text: str, domain: Domain, name: str) -> list[Reading]:
    """The readings of a file: `-- from TABLE, ... [by TIME] [per COLUMN: EXPRESSIONS]` above each statement.

    A percentile of a histogram is written `{quantile(0.95, COLUMN)}` (clickhouse/histogram.py).

    Raises ConfigurationError, which names the file and the line.
    """
    found = []
    for part in re.split(r"^(?=-- from )", text, flags=re.MULTILINE)[1:]:
        line, _, body = part.partition("\n")
        head = _HEAD.match(line)
        statement = re.fullmatch(r"SELECT (.+?)\s+FROM \{source\}\s+WHERE (.+?)\s*", body, re.DOTALL)
        if head is None or statement is None:
            raise ConfigurationError(
                f"{name}: {line!r} and its statement do not read as clickhouse/metrics/metric.py says"
            )
        for table in head[1].split(", "):
            source = SOURCES.get((domain.name, table))
            if source is None:
                raise ConfigurationError(
                    f"{name}: {table!r} is no source of {domain.name}; see clickhouse/metrics/sources.py"
                )
            measures = histogram.filled(statement[1])
            found.append(Reading(source, measures, statement[2], head[2] or "occurred", head[3] or "", head[4] or ""))
    if not found:
        raise ConfigurationError(f"{name} has no statement; begin one with `-- from TABLE`")
    return found
