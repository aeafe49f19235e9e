"""Parameters of a request for metrics, parsed into questions; strictly, so that a slip of the pen is told."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Final

from fastapi import Query as Parameter
from starlette.datastructures import QueryParams

from api.metrics import cursor
from clickhouse.metrics import catalogue
from clickhouse.metrics.metric import Metric
from clickhouse.metrics.periods import Granularity
from clickhouse.metrics.question import USUAL_ROWS, Question, ask
from streams.errors import QueryRefused
from streams.unknown import nearest, unknown

Metrics = Annotated[
    list[str] | None,
    Parameter(
        alias="metric",
        description="Name of a metric of this group, with or without its domain; repeatable. Without it: every one "
        "that has the dimensions and the granularity that are asked for.",
    ),
]
From = Annotated[
    str,
    Parameter(
        alias="from",
        description="Beginning: RFC 3339 with zone, a day of the zone such as 2030-05-01, or an age such as 90m, "
        "24h, 7d. Default: seven whole days and today.",
        examples=["7d", "2030-05-01", "2030-05-01T12:00:00Z"],
    ),
]
To = Annotated[
    str, Parameter(description="End, not part of the range; written like `from`. Default: now.", examples=["1h"])
]
Length = Annotated[
    str, Parameter(description=f"Length of the periods: {', '.join(Granularity)}.", examples=[*Granularity])
]
Zone = Annotated[
    str,
    Parameter(
        description="IANA zone in which hours and days are cut. Default: the reporting zone of the domain.",
        examples=["America/New_York"],
    ),
]
By = Annotated[
    list[str] | None, Parameter(description="Dimension to group by; repeatable. Money has `currency` beside them.")
]
Where = Annotated[
    list[str] | None,
    Parameter(description="Keep one value of a dimension, as `dimension:value`; `value*` is a prefix. Repeatable."),
]
Compare = Annotated[
    str, Parameter(description="`previous`: each value beside that of the period before.", examples=["previous"])
]
Exact = Annotated[
    str,
    Parameter(description="`true`: read the events where an aggregate would only be near.", examples=["true", "false"]),
]
Limit = Annotated[
    str,
    Parameter(description="Rows of one metric at most, the largest values of each period first.", examples=["10"]),
]
Cursor = Annotated[str, Parameter(description="`next_cursor` of the answer before; for one metric.")]

ONCE: Final = ("from", "to", "granularity", "zone", "compare", "exact", "limit", "cursor")
_OFTEN: Final = ("metric", "by", "where")


@dataclass(frozen=True, slots=True)
class Asked:
    """What one request asks."""

    questions: Sequence[Question]
    compare: bool


def read(group: str, given: QueryParams, own: Sequence[Metric] = ()) -> Asked:
    """The questions of a request about metrics of a group, or about `own`. Raises QueryRefused."""
    words = once(given, ONCE)
    granularity = words.get("granularity") or Granularity.TOTAL.value
    by, where = given.getlist("by"), given.getlist("where")
    metrics = _metrics(group, own or catalogue.of_group(group), given.getlist("metric"), granularity, by, where)
    questions = [
        ask(
            metric,
            begin=words.get("from", ""),
            end=words.get("to", ""),
            zone=words.get("zone", ""),
            granularity=granularity,
            by=by,
            where=where,
            exact=choice("exact", words.get("exact", ""), ("true", "false")) == "true",
            limit=whole("limit", words.get("limit", "")) or USUAL_ROWS,
        )
        for metric in metrics
    ]
    if text := words.get("cursor", ""):
        questions = [_page(questions, text)]
    return Asked(questions, choice("compare", words.get("compare", ""), ("previous",)) == "previous")


def once(given: QueryParams, single: Sequence[str], often: Sequence[str] = _OFTEN) -> dict[str, str]:
    """Parameters that may be given once, by name; `often`: those that may be repeated. Raises QueryRefused."""
    known = (*often, *single)
    for name in given:
        if name not in known:
            raise unknown("There is no parameter {}.", name, known, code="unknown_parameter")
    for name in single:
        if len(given.getlist(name)) > 1:
            raise QueryRefused(
                f"{name!r} is given more than once.",
                code="bad_parameter",
                value=given.getlist(name)[1][:80],
                hint="Give it once.",
            )
    return {name: given[name] for name in single if name in given}


def _metrics(
    group: str, own: Sequence[Metric], names: Sequence[str], granularity: str, by: Sequence[str], where: Sequence[str]
) -> Sequence[Metric]:
    if names:
        return tuple(dict.fromkeys(catalogue.find(name, own) for name in names))
    wanted = {*by, *(text.partition(":")[0] for text in where)}
    fitting = [metric for metric in own if not metric.rolling_days or granularity == Granularity.DAY]
    found = [metric for metric in fitting if wanted <= {*metric.dimensions}]
    if found:
        return found
    known = tuple(dict.fromkeys(name for metric in own for name in metric.dimensions))
    apart = ", ".join(sorted(wanted))[:80]
    raise QueryRefused(
        f"No metric of {group} is told by {apart!r}.",
        code="unknown_dimension",
        value=apart,
        hint=f"Dimensions of its metrics: {', '.join(known)}.",
        near=tuple(near for name in sorted(wanted) for near in nearest(name, known)),
    )


def _page(questions: Sequence[Question], text: str) -> Question:
    if len(questions) > 1:
        raise QueryRefused(
            "A cursor belongs to one metric.", code="bad_cursor", value=text[:80], hint="Name the metric with `metric`."
        )
    (question,) = questions
    return replace(question, offset=cursor.read(text, question))


def choice(name: str, text: str, known: Collection[str], code: str = "bad_parameter") -> str:
    """The text, if it is empty or a known one. Raises QueryRefused."""
    if text and text not in known:
        raise QueryRefused(
            f"{name!r} is {text[:80]!r}.", code=code, value=text[:80], hint=f"Give {' or '.join(known)}."
        )
    return text


def whole(name: str, text: str) -> int | None:
    """The number that a text is, above 0; None for no text. Raises QueryRefused."""
    if not text:
        return None
    if text.isascii() and text.isdigit() and len(text) < 10 and int(text) > 0:
        return int(text)
    raise QueryRefused(
        f"{name!r} is {text[:80]!r}.", code=f"bad_{name}", value=text[:80], hint="Give a whole number above 0."
    )
