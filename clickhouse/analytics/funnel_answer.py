"""Answers funnels: how many people came to each step, how fast, and who they are; as plain values."""

from collections.abc import Sequence
from typing import Any

from clickhouse_connect.driver.asyncclient import AsyncClient

from clickhouse.analytics import funnel_sql, journey, run
from clickhouse.analytics.funnel import Funnel, Path
from clickhouse.analytics.journey import Span
from clickhouse.analytics.words import PeopleWords
from clickhouse.metrics.route import Limits
from clickhouse.metrics.shown import moment

MOST_PEOPLE = 10_000
"""Ids of one page at most."""
_TIMES = ("mean", "p50", "p90")


async def within(client: AsyncClient, funnel: Funnel, limits: Limits) -> dict[str, Any]:
    """The answer, by the path that the funnel takes. Raises as `run.rows` does."""
    return await answer(client, funnel, limits=limits)


async def answer(
    client: AsyncClient, funnel: Funnel, path: Path | None = None, limits: Limits = run.LIMITS
) -> dict[str, Any]:
    """The answer, by the path that the funnel takes, or by a given one. Raises as `run.rows` does."""
    taken = path or funnel.path
    at = await run.as_of(client, funnel.span.domain)  # before the numbers, which may hold more and never less
    sql, values = funnel_sql.groups(funnel, taken)
    lines = await run.rows(client, sql, values, limits)
    if not lines and not funnel.by:
        lines = [["", *[0] * (len(funnel.steps) * (4 if funnel.times else 1))]]
    return {
        **head(funnel.span),
        "window_seconds": _seconds(funnel.window),
        "order": funnel.order.value,
        "by": funnel.by or None,
        "path": taken.value,
        "as_of": moment(at),
        "groups": [_group(funnel, line) for line in lines[: funnel.limit]],
        "has_more": len(lines) > funnel.limit,
    }


async def people(client: AsyncClient, funnel: Funnel, words: PeopleWords) -> dict[str, Any]:
    """Who came to a step, or left there: ids in their order. Raises as `run.rows` does, and QueryRefused."""
    most = journey.whole("limit", words.limit, 1, MOST_PEOPLE)
    journey.whole("step", words.step, 1, len(funnel.steps))
    at = await run.as_of(client, funnel.span.domain)
    left = words.state == "left"
    sql, values = funnel_sql.at_step(funnel, funnel.path, words.step, left, words.after, most + 1)
    ids = [str(line[0]) for line in await run.rows(client, sql, values)]
    return {
        **head(funnel.span),
        "step": words.step,
        "event": funnel.steps[words.step - 1].event,
        "state": words.state,
        "path": funnel.path.value,
        "as_of": moment(at),
        "people": ids[:most],
        "next_after": ids[most - 1] if len(ids) > most else None,
    }


def head(span: Span) -> dict[str, Any]:
    """What every answer says of what was asked."""
    return {
        "domain": span.domain.name,
        "of": span.actor.name,
        "from": moment(span.begin.astimezone(span.zone)),
        "to": moment(span.end.astimezone(span.zone)),
        "zone": span.zone.key,
    }


def _group(funnel: Funnel, line: Sequence[Any]) -> dict[str, Any]:
    value, *measures = line
    width = 4 if funnel.times else 1
    steps = [measures[place * width : place * width + width] for place in range(len(funnel.steps))]
    counts = [int(step[0]) for step in steps]
    return {
        "key": {funnel.by: value} if funnel.by else {},
        "steps": [
            {
                "step": place + 1,
                "event": funnel.steps[place].event,
                "people": counts[place],
                "of_first": _share(counts[place], counts[0]),
                "of_previous": _share(counts[place], counts[max(place - 1, 0)]),
                "seconds": _times(step) if funnel.times else None,
            }
            for place, step in enumerate(steps)
        ],
    }


def _share(count: int, of: int) -> float | None:
    return count / of if of else None


def _times(measures: Sequence[Any]) -> dict[str, float | None]:
    count, total, *quantiles = (int(each) for each in measures)
    if not count:
        return dict.fromkeys(_TIMES)
    return dict(zip(_TIMES, [_seconds(total / count), *map(_seconds, quantiles)], strict=True))


def _seconds(milliseconds: float) -> float:
    return milliseconds / 1000
