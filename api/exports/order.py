"""What somebody wants exported: the same words as parameters, as JSON, on the command line, and kept for a job."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec
from starlette.datastructures import QueryParams

from api.metrics import parameters
from api.metrics.service import tells_people
from clickhouse.analytics import journey
from clickhouse.analytics import kinds as journeys
from clickhouse.analytics import words as analytics
from clickhouse.analytics.kinds import KINDS
from clickhouse.export import metrics as metric_rows
from clickhouse.export import table as tables
from clickhouse.export.analytics import AnalyticsSource
from clickhouse.export.make import Source
from clickhouse.export.metrics import MetricSource
from clickhouse.export.table import TableSource
from clickhouse.export.writers import Format
from clickhouse.metrics import catalogue
from clickhouse.metrics.answer import Answer
from clickhouse.metrics.question import Question
from clickhouse.metrics.route import Limits
from streams.errors import QueryRefused
from streams.settings import Settings
from streams.unknown import unknown

_TABLE_ONCE: Final = ("format", "from", "to", "zone")
_ANALYTICS: Final = "analytics"
_PAGES: Final = ("limit", "cursor")


@dataclass(frozen=True)
class Reach:
    """How rows are read for an order: of whom, at what cost."""

    settings: Settings
    limits: Limits
    """Of a slice of a table."""
    ask: Callable[[Question, bool], Any]
    """Puts a page of a question to ClickHouse, with the range before beside it or not; an awaitable Answer."""


@dataclass(frozen=True)
class Order:
    """One export that can be made."""

    subject: str
    """The table, the group of metrics, or the kind of question."""
    format: Format
    domains: tuple[str, ...]
    is_rows: bool
    """Single events, not numbers made of many."""
    tells_people: bool
    facts: Mapping[str, Any]
    """For the audit; names no person."""
    asked: Mapping[str, Any]
    """Its words, from which `of_words` makes it again; periods are times."""
    begin: datetime
    end: datetime
    open: Callable[[Reach], Source]

    @property
    def name(self) -> str:
        """Name of the file."""
        return f"{self.subject}-{self.begin:%Y%m%dT%H%M}-{self.end:%Y%m%dT%H%M}.{self.format.value}"


def of_table(table: str, given: QueryParams, *, people: bool) -> Order:
    """A slice of a table; `people`: without `column`, those that name persons too. Raises QueryRefused."""
    words = parameters.once(given, _TABLE_ONCE, ("column",))
    found = tables.ask(
        table,
        given.getlist("column"),
        words.get("from", ""),
        words.get("to", ""),
        words.get("zone", ""),
        people=people,
    )
    form = format_of(words.get("format", ""))
    return Order(
        found.table,
        form,
        (found.domain.name,),
        is_rows=True,
        tells_people=found.tells_people,
        facts=found.facts | {"format": form.value},
        asked={"table": table, "column": list(found.columns), **_times(found.begin, found.end), "format": form.value},
        begin=found.begin,
        end=found.end,
        open=lambda reach: TableSource(reach.settings, found, reach.limits),
    )


def of_metrics(group: str, given: QueryParams) -> Order:
    """All answers about metrics of a group; the words are those of `/v1/metrics/<group>`. Raises QueryRefused."""
    words = [(name, value) for name, value in given.multi_items() if name != "format"]
    for name in _PAGES:
        if name in given:
            raise QueryRefused(
                f"An export has all rows, so there is no {name!r}.",
                code="unknown_parameter",
                value=name,
                hint="Leave it out.",
            )
    asked = parameters.read(group, QueryParams(words))
    first = asked.questions[0]
    form = format_of(given.get("format", ""))
    names = {name: given.getlist(name) for name in dict.fromkeys(given) if name not in ("format", "from", "to")}
    compare = asked.compare
    metric_rows.check(asked.questions)

    def opened(reach: Reach) -> Source:
        async def page(question: Question) -> Answer:
            found: Answer = await reach.ask(question, compare)
            return found

        return MetricSource(group, asked.questions, page, compare=compare)

    return Order(
        group,
        form,
        tuple(dict.fromkeys(question.metric.domain.name for question in asked.questions)),
        is_rows=False,
        tells_people=any(map(tells_people, asked.questions)),
        facts=metric_rows.facts(asked.questions, compare=compare) | {"format": form.value},
        asked={"metrics": group, **names, **_times(first.begin, first.end), "format": form.value},
        begin=first.begin,
        end=first.end,
        open=opened,
    )


def of_analytics(name: str, question: bytes, form: str) -> Order:
    """The answer to a question of product analytics, as JSON that its address takes. Raises QueryRefused."""
    kind = KINDS[journey.choice(_ANALYTICS, name, KINDS)]
    given = analytics.read(kind.words, question)
    asked, chosen = kind.ask(given), format_of(form)
    span = asked.span
    times = {**_times(span.begin, span.end), "zone": span.zone.key}
    return Order(
        name,
        chosen,
        (span.domain.name,),
        is_rows=False,
        tells_people=journeys.tells_people(asked),
        facts={_ANALYTICS: name, "domain": span.domain.name, **times, "format": chosen.value},
        asked={
            _ANALYTICS: name,
            "question": given.model_dump(mode="json", by_alias=True) | times,
            "format": chosen.value,
        },
        begin=span.begin,
        end=span.end,
        open=lambda reach: AnalyticsSource(reach.settings, name, asked, reach.limits),
    )


def of_words(words: Any, *, people: bool) -> Order:
    """The order that JSON gives: one of `table`, `metrics` and `analytics`, and what belongs to it.

    Parameters are text or lists of it, the `question` of product analytics is an object. Raises QueryRefused.
    """
    if not isinstance(words, Mapping) or len(words.keys() & {"table", "metrics", _ANALYTICS}) != 1:
        raise _no_order(
            "the body",
            "Send a JSON object with `table`, `metrics` or `analytics`, and the parameters of that export.",
        )
    if _ANALYTICS in words:
        return _of_question(words)
    given: list[tuple[str, str]] = []
    for name, value in words.items():
        for each in value if isinstance(value, list) else [value]:
            if not isinstance(each, str):
                raise _no_order(str(name)[:80], "Give every word as text, or a list of texts.")
            given.append((name, each))
    params = QueryParams([(name, value) for name, value in given if name not in ("table", "metrics")])
    what = next((value for name, value in given if name in ("table", "metrics")), "")
    return of_table(what, params, people=people) if "table" in words else of_metrics(group_of(what), params)


def _of_question(words: Mapping[str, Any]) -> Order:
    known = (_ANALYTICS, "question", "format")
    unknown = next((name for name in words if name not in known), None)
    if unknown is not None:
        raise _no_order(str(unknown)[:80], f"Send {', '.join(known)}; all other words belong into `question`.")
    name, form = words[_ANALYTICS], words.get("format", "")
    if not isinstance(name, str) or not isinstance(form, str):
        raise _no_order(_ANALYTICS, "Give `analytics` and `format` as text.")
    return of_analytics(name, msgspec.json.encode(words.get("question")), form)


def group_of(name: str) -> str:
    """A group of metrics. Raises QueryRefused."""
    if name not in catalogue.GROUPS:
        raise unknown("There is no group of metrics {}.", name, catalogue.GROUPS, code="unknown_group")
    return name


def format_of(text: str) -> Format:
    """A format; none: CSV. Raises QueryRefused."""
    return Format(parameters.choice("format", text, tuple(Format), "bad_format") or Format.CSV)


def _times(begin: datetime, end: datetime) -> dict[str, str]:
    return {"from": begin.isoformat(), "to": end.isoformat()}


def _no_order(value: str, hint: str) -> QueryRefused:
    return QueryRefused("This says no export.", code="bad_order", value=value, hint=hint)
