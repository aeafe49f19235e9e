"""The statement that answers a question. What a reader sends is bound, never written into it."""

from datetime import datetime
from typing import Any, Final

from clickhouse.metrics import periods
from clickhouse.metrics.metric import Reading
from clickhouse.metrics.periods import Granularity
from clickhouse.metrics.question import Question, Where
from clickhouse.metrics.sources import Source

EARLIER_DAYS: Final = 7
"""What ends something is looked for from so long before it began: clocks of producers may differ by as much."""


def compose(question: Question, reading: Reading, most: int) -> tuple[str, dict[str, Any]]:
    """The statement and its parameters: columns `period` (not for TOTAL), `key_0` ..., and the measures."""
    values = _values(question, reading)
    keys = _keys(question, reading)
    conditions = [f"({reading.where})", *_range(reading), *matches(question.where, reading.source)]
    if reading.source.where:
        conditions.append(reading.source.where)
    if question.metric.is_money:
        conditions.append("ifNull(currency, '') != ''")
    table, keys = _table(question, reading, keys, " AND ".join(conditions))
    columns = [f"{expression} AS {name}" for name, expression in keys.items()]
    group = f" GROUP BY {', '.join(keys)}" if keys else ""
    sql = (
        f"SELECT {', '.join([*columns, reading.measures, *_ratio(reading)])} FROM {table}{group} "
        f"ORDER BY {', '.join(_order(list(keys)))} LIMIT {{most:UInt32}} OFFSET {{offset:UInt32}}"
    )
    return sql, {**values, "most": most, "offset": question.offset}


def _keys(question: Question, reading: Reading) -> dict[str, str]:
    """Columns that an answer is grouped by, and their expressions."""
    found = {}
    if question.granularity is not Granularity.TOTAL:
        found["period"] = periods.start_of(question.granularity, _time(reading))
    for number, name in enumerate(question.keys):
        found[f"key_{number}"] = f"toString({reading.source.dimensions[name]})"
    return found


def _time(reading: Reading) -> str:
    return reading.source.times[reading.time]


def _range(reading: Reading) -> list[str]:
    """The range, as conditions that spare ClickHouse the other partitions."""
    found = within(_time(reading), reading.source)
    if reading.time != "occurred":
        found.append(
            f"{reading.source.times['occurred']} >= {_bound('begin', reading.source)} - INTERVAL {EARLIER_DAYS} DAY"
        )
    return found


def within(time: str, source: Source) -> list[str]:
    """The conditions that a time of a source lies in the range; `span` has their parameters."""
    return [f"{time} >= {_bound('begin', source)}", f"{time} < {_bound('end', source)}"]


def _bound(name: str, source: Source) -> str:
    """A bucket is compared in seconds, an event in milliseconds."""
    return f"{{{name}:DateTime64(3, 'UTC')}}" if source.is_rows else f"{{{name}:DateTime('UTC')}}"


def matches(where: Where, source: Source) -> list[str]:
    """The conditions that filters put to the rows of a source; `bound` has their parameters."""
    found = []
    for number, (name, values) in enumerate(where):
        expression = f"toString({source.dimensions[name]})"
        whole = f"{expression} IN {{is_{number}:Array(String)}}"
        prefixes = [n for n, value in enumerate(values) if value.endswith("*")]
        starts = [f"startsWith({expression}, {{begins_{number}_{n}:String}})" for n in prefixes]
        found.append(f"({' OR '.join([whole, *starts])})")
    return found


def _values(question: Question, reading: Reading) -> dict[str, Any]:
    """The parameters by name."""
    begin = question.begin
    found: dict[str, Any] = {"zone": question.zone.key}
    if days := question.metric.rolling_days:
        first = begin.astimezone(question.zone).date()
        begin = periods.midnight(first.fromordinal(first.toordinal() - days + 1), question.zone)
        last = question.starts()[-1].astimezone(question.zone).date()
        found |= {"first": str(first), "last": str(last), "days": days}
    return found | span(begin, question.end, reading.source) | bound(question.where)


def span(begin: datetime, end: datetime, source: Source) -> dict[str, str]:
    """The parameters `begin` and `end`, as the times of a source are written."""
    found = {}
    for name, moment in (("begin", begin), ("end", end)):
        text = f"{moment:%Y-%m-%d %H:%M:%S}"
        found[name] = f"{text}.{moment.microsecond // 1000:03d}" if source.is_rows else text
    return found


def bound(where: Where) -> dict[str, Any]:
    """The parameters of the conditions that `matches` makes."""
    found: dict[str, Any] = {}
    for number, (_, values) in enumerate(where):
        found[f"is_{number}"] = [value for value in values if not value.endswith("*")]
        found |= {f"begins_{number}_{n}": value[:-1] for n, value in enumerate(values) if value.endswith("*")}
    return found


def _table(question: Question, reading: Reading, keys: dict[str, str], condition: str) -> tuple[str, dict[str, str]]:
    """What the measures are read from, and the keys as it has them: grouped first where the metric says so."""
    plain = f"{reading.source.table} WHERE {condition}"
    if not reading.per:
        return plain, keys
    rolls = bool(question.metric.rolling_days)
    inner = {f"own_{name}": expression for name, expression in keys.items()}
    inner["per"] = f"toDate({_time(reading)}, {{zone:String}})" if rolls else reading.per
    columns = [f"{expression} AS {name}" for name, expression in inner.items()]
    grouped = f"(SELECT {', '.join([*columns, reading.inner])} FROM {plain} GROUP BY {', '.join(inner)})"
    kept = {name: f"own_{name}" for name in keys}
    if not rolls:
        return grouped, kept
    # Each day's states, once for every day asked for whose period holds them: a copy more would cost as much as a read.
    since, until = "greatest(0, {first:Date} - per)", "greatest(0, least({days:UInt16}, {last:Date} - per + 1))"
    spread = f"(SELECT *, arrayJoin(range(toUInt16({since}), toUInt16({until}))) AS shift FROM {grouped})"
    return spread, kept | {"period": "per + shift"}


def _ratio(reading: Reading) -> list[str]:
    if not reading.is_ratio:
        return []
    return ["if(denominator = 0, NULL, toFloat64(numerator) / toFloat64(denominator)) AS value"]


def _order(shown: list[str]) -> list[str]:
    """Periods in their order, in each the largest value first."""
    rest = [name for name in shown if name != "period"]
    return [*(["period"] if "period" in shown else []), "value DESC NULLS LAST", *rest]
