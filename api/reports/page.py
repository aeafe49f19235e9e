"""A report as one HTML file that loads nothing: text escaped, charts inline, a policy that forbids the rest."""

from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from typing import Any, Final

from api.reports import chart
from api.reports.chart import Series
from api.reports.content import Section
from clickhouse.metrics import shown
from clickhouse.metrics.answer import Answer, Row
from clickhouse.metrics.periods import Granularity

_STYLE: Final = """
body{font:15px/1.5 system-ui,sans-serif;color:#222222;max-width:800px;margin:2em auto;padding:0 1em}
table{border-collapse:collapse;width:100%;font-size:13px;margin:.5em 0 2em}
th,td{text-align:left;padding:.2em .6em;border-bottom:1px solid #dddddd;vertical-align:top;overflow-wrap:anywhere}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}svg{width:100%;height:auto}
.legend{list-style:none;padding:0;font-size:13px}.legend li{display:inline-block;margin-right:1.2em}
.legend span{display:inline-block;width:.8em;height:.8em;margin-right:.4em}.note{color:#666666;font-size:13px}
"""
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"
_MINUTES: Final = ("5m", "15m", "hour")
CURRENCY: Final = "currency"


def page(title: str, made_at: datetime, parts: Sequence[str]) -> str:
    """The whole file. `parts`: sections, as HTML."""
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"/>'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}"/>'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body><h1>{escape(title)}</h1>"
        f'<p class="note">Made {made_at:%Y-%m-%d %H:%M} UTC by Millrace.</p>{"".join(parts)}</body></html>\n'
    )


def metric(section: Section, found: Answer) -> str:
    """A section about a metric."""
    asked = found.question
    title = section.title or asked.metric.sentence
    begin, end = (at.astimezone(asked.zone) for at in (asked.begin, asked.end))
    how = "exact" if found.reading.is_exact else "near"
    as_of = f"as of {found.as_of:%Y-%m-%d %H:%M} UTC" if found.as_of else "nothing was delivered yet"
    note = f"{asked.metric.name}, {asked.metric.unit}, {how}; {begin:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} "
    note += f"{asked.zone.key}; {as_of}"
    if found.has_more:
        note += f"; the largest {len(found.rows):,} rows of each period, there are more"
    drawn = "" if section.chart == "none" or not found.rows else _charts(section, found, title)
    return f'<h2>{text(title)}</h2><p class="note">{escape(note)}.</p>{drawn}{_rows(found)}'


def table(titles: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A table; numbers to the right."""
    head = "".join(f"<th>{escape(title)}</th>" for title in titles)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def text(words: str) -> str:
    """Text for HTML."""
    return escape(words)


def nothing(words: str) -> str:
    """A remark, such as that there is nothing."""
    return f'<p class="note">{escape(words)}</p>'


def _charts(section: Section, found: Answer, title: str) -> str:
    """A chart, or one for each currency: amounts of two on one scale would invite to compare what must not be."""
    by_currency: dict[str, list[Row]] = {}
    for row in found.rows:
        by_currency.setdefault(row.key.get(CURRENCY, ""), []).append(row)
    return "".join(
        f"<h3>{text(currency)}</h3>{_chart(section, found, rows, f'{title} {currency}')}"
        if currency
        else _chart(section, found, rows, title)
        for currency, rows in sorted(by_currency.items())
    )


def _chart(section: Section, found: Answer, own: Sequence[Row], title: str) -> str:
    asked = found.question
    if section.chart == "bar" or asked.granularity is Granularity.TOTAL:
        labels = [_name(row) or _period(found, row) for row in own]
        return chart.bars(labels, [_float(row.value) for row in own], title)
    starts = asked.starts()
    by_key: dict[str, dict[datetime, Row]] = {}
    for row in own:
        by_key.setdefault(_name(row), {})[row.start.astimezone(UTC)] = row
    nothing = 0.0 if asked.metric.is_zero_of_nothing else None  # a period without events has no row
    series = []
    for key, rows in by_key.items():
        values = [_float(rows[at].value) if at in rows else nothing for at in starts]
        series.append(Series(key or asked.metric.short, values))
    series.sort(key=lambda each: -sum(value or 0.0 for value in each.values))
    if section.compare and len(series) == 1:
        (rows,) = by_key.values()
        before = [_float(rows[at].previous) if at in rows else None for at in starts]
        series.append(Series("the period before", before))
    form = "%m-%d %H:%M" if asked.granularity.value in _MINUTES else "%Y-%m-%d"
    return chart.lines([f"{at.astimezone(asked.zone):{form}}" for at in starts], series, title)


def _name(row: Row) -> str:
    """What tells a row from others of its period and currency."""
    return " ".join(value for name, value in row.key.items() if name != CURRENCY)


def _rows(found: Answer) -> str:
    if not found.rows:
        return nothing("There are no rows in this period.")
    is_total = found.question.granularity is Granularity.TOTAL
    is_compared = found.compared is not None
    titles = [*([] if is_total else ["period"]), *found.question.keys, found.question.metric.short]
    titles += ["before"] if is_compared else []
    rows = []
    for row in found.rows:
        line: list[Any] = [] if is_total else [_period(found, row)]
        line += [*row.key.values(), _Number(shown.plain(row.value))]
        rows.append([*line, *([_Number(shown.plain(row.previous))] if is_compared else [])])
    return table(titles, rows)


class _Number:
    def __init__(self, value: int | float | str | None) -> None:
        self.text = "" if value is None else value if isinstance(value, str) else chart.number(float(value))


def _cell(value: Any) -> str:
    if isinstance(value, _Number | int):
        said = value.text if isinstance(value, _Number) else f"{value:,}"
        return f'<td class="n">{escape(said)}</td>'
    return f"<td>{escape('' if value is None else str(value))}</td>"


def _period(found: Answer, row: Row) -> str:
    form = "%Y-%m-%d %H:%M" if found.question.granularity.value in _MINUTES else "%Y-%m-%d"
    return f"{row.start:{form}}"


def _float(value: Any) -> float | None:
    return None if value is None else float(value)
