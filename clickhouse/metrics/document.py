"""Writes docs/METRICS_CATALOG.md from the catalogue."""

from clickhouse.metrics.catalogue import METRICS
from clickhouse.metrics.metric import Cache, Metric, Reading, Unit
from streams.events.domains import DOMAINS

_UNITS = {
    Unit.COUNT: "a count",
    Unit.RATIO: "a ratio; 0.25 is a quarter",
    Unit.MONEY: "money: one value a currency, as a decimal",
    Unit.SECONDS: "seconds",
    Unit.KILOMETRES: "kilometres",
    Unit.STARS: "stars, 1 to 5",
    Unit.EACH: "a mean of counts",
}
_KEPT = {
    Cache.FACT: "`CACHE_TTL_CLOSED_SECONDS` for closed periods",
    Cache.COHORT: "`CACHE_TTL_COHORT_SECONDS` for closed periods, since what began may still end",
}
_OPENING = """<!-- Written by `make docs` from clickhouse/metrics. -->
# Metrics

Every number that can be asked for: `millrace metrics query NAME`, `GET /v1/metrics/<group>?metric=NAME`. How a question
is put, and what an answer says: [asking for metrics](asking-for-metrics.md).

- A metric is read from the smallest table that knows its dimensions and is cut as finely as its periods: the first of
  its list. A rollup holds 15 minutes (`realtime_dashboard` 5), of which every zone's hours and days are put together;
  ranges that are cut otherwise are read from the events.
- Exact or not depends on the table: *near* ones hold sketches or histograms. Distinct people, sessions and orders are
  exact to some 500, then 0.8 % off on average (2 % the worst of 20). Ask with `exact` for the events instead.
- A percentile is one of the values: of n of them in their order, the 0.95 quantile has 0.95 n, rounded down, before it.
  A histogram holds values to seven binary digits: seconds of a trip, or milliseconds of a payment, are exact up to
  128 and at most 0.8 % off above; 2,147,483,648 stands for all that are larger.
- Money has a value for each currency, and is never added over currencies. A ratio of nothing is no number.
- Period: by when an event happened, unless the formula says otherwise. Ends of what began in a period are looked for
  up to now.
- Rolling metrics are told for each day over the days that end with it, the first days of a range too.
"""


def text() -> str:
    """The text of docs/METRICS_CATALOG.md."""
    lines = [_OPENING]
    for domain in DOMAINS.values():
        own = [metric for metric in METRICS if metric.domain is domain]
        lines += [f"## {domain.name}", "", f"{domain.doc} Usual zone: {domain.reporting_zone}.", ""]
        lines += ["| metric | unit | what it is |", "|---|---|---|"]
        lines += [f"| [`{m.name}`](#{_anchor(m)}) | {m.unit} | {m.sentence} |" for m in own]
        lines.append("")
        for metric in own:
            lines += _metric(metric)
    return "\n".join(lines).rstrip() + "\n"


def _anchor(metric: Metric) -> str:
    return metric.name.replace(".", "")


def _metric(metric: Metric) -> list[str]:
    kept = (
        "closed periods for long"
        if metric.cache == "fact"
        else "closed periods briefly, since what began may still end"
    )
    lines = [f"### {metric.name}", "", metric.sentence, ""]
    lines += [f"- Formula: {metric.formula}", f"- Unit: {_UNITS[metric.unit]}"]
    lines += [f"- By: {', '.join(f'`{name}`' for name in metric.dimensions) or 'nothing'}"]
    lines += [f"- Answered by: {', '.join(f'`/v1/metrics/{group}`' for group in metric.groups)}"]
    lines += [f"- Kept: {kept}", "", "| from | grain | exact | knows |", "|---|---|---|---|"]
    return [*lines, *(_reading(metric, reading) for reading in metric.readings), ""]


def _reading(metric: Metric, reading: Reading) -> str:
    grain = f"{reading.source.minutes} minutes" if reading.source.minutes else "one event"
    known = ", ".join(f"`{name}`" for name in metric.dimensions if name in reading.source.dimensions)
    return f"| `{reading.source.table}` | {grain} | {'exact' if reading.is_exact else 'near'} | {known} |"
