"""Paths: what people do after something, or before it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from clickhouse_connect.driver.asyncclient import AsyncClient

from clickhouse.analytics import funnel, journey, run, step
from clickhouse.analytics.funnel import Path
from clickhouse.analytics.funnel_answer import head
from clickhouse.analytics.journey import Span
from clickhouse.analytics.step import Step
from clickhouse.analytics.template import IN_PARTS, fill
from clickhouse.analytics.words import PathWords
from clickhouse.metrics.route import Limits
from clickhouse.metrics.shown import moment
from streams.errors import QueryRefused

MOST_DEPTH: Final = 10
MOST_LEFT_OUT: Final = 20
MOST_PATHS: Final = 1_000
_RANKS: Final = 1_024
"""Numbers of event types."""
_ROOM: Final = 2 * _RANKS
"""Numbers of an event within its millisecond."""


@dataclass(frozen=True, slots=True)
class Paths:
    """What lies around an event."""

    span: Span
    anchor: Step
    is_before: bool
    """Paths end with the anchor; otherwise they begin with it."""
    window: int
    """Longest time between the anchor and another event, milliseconds."""
    depth: int
    repeats: bool
    leave_out: tuple[str, ...]
    limit: int

    @property
    def dimensions(self) -> frozenset[str]:
        """Names of all dimensions that stand in it."""
        return step.named(self.anchor)

    @property
    def until(self) -> datetime:
        """Events are looked for up to then, in UTC; not part of it."""
        return self.span.end + (timedelta() if self.is_before else timedelta(milliseconds=self.window))


def ask(words: PathWords, now: datetime | None = None) -> Paths:
    """The question that these words ask. Raises QueryRefused, which says which of them does not fit."""
    span = journey.ask(words.domain, words.of, words.begin, words.to, words.zone, now)
    anchor = funnel.one(span, words.anchor)
    journey.whole("leave_out", len(words.leave_out), 0, MOST_LEFT_OUT)
    left_out = tuple(sorted({step.ask(span, event, {}).event for event in words.leave_out}))
    if anchor.event in left_out:
        raise QueryRefused(
            f"{anchor.event} cannot be left out: it is the anchor.",
            code="bad_leave_out",
            value=anchor.event,
            hint="Leave out other types, or take another anchor.",
        )
    return Paths(
        span,
        anchor,
        words.direction == "before",
        journey.duration("window", words.window),
        journey.whole("depth", words.depth, 2, MOST_DEPTH),
        words.repeats,
        left_out,
        journey.whole("limit", words.limit, 1, MOST_PATHS),
    )


async def answer(client: AsyncClient, asked: Paths, limits: Limits = run.LIMITS) -> dict[str, Any]:
    """The commonest paths, and the people of all. Raises as `run.rows` does."""
    at = await run.as_of(client, asked.span.domain)  # before the numbers, which may hold more and never less
    types = [str(line[0]) for line in await run.rows(client, *_types(asked), limits)]
    lines = await run.rows(client, *compose(asked, types), limits) if types else []
    everybody = int(lines[0][2]) if lines else 0
    return {
        **head(asked.span),
        "anchor": str(asked.anchor),
        "direction": "before" if asked.is_before else "after",
        "window_seconds": asked.window / 1000,
        "path": Path.EXACT.value,
        "as_of": moment(at),
        "people": everybody,
        "paths": [
            {"events": [types[place] for place in path], "people": int(people), "share": people / everybody}
            for path, people, _ in lines[: asked.limit]
        ],
        "has_more": len(lines) > asked.limit,
    }


def _rows(asked: Paths) -> tuple[str, dict[str, Any]]:
    """The condition that a row may be part of a path, and its parameters."""
    begin = asked.span.begin - (timedelta(milliseconds=asked.window) if asked.is_before else timedelta())
    condition, values = journey.rows(asked.span, begin, asked.until)
    return condition, values | {"left_out": list(asked.leave_out)}


def _types(asked: Paths) -> tuple[str, dict[str, Any]]:
    """The statement that tells which types of events there are, and its parameters."""
    _, values = _rows(asked)
    return fill("paths_types", table=asked.span.domain.raw_table, in_range=journey.IN_RANGE), values


def compose(asked: Paths, types: Sequence[str]) -> tuple[str, dict[str, Any]]:
    """The statement and its parameters: columns `path`, places among these types; `people`, and those of all paths."""
    span = asked.span
    condition, values = _rows(asked)
    is_anchor = step.condition(span.domain, asked.anchor, "anchor", values)
    values |= {"types": [*types], "count": len(types), "most": asked.limit + 1}
    begin_ms = journey.milliseconds(span.begin)
    anchor_rank = 1 if asked.is_before else 0
    sql = fill(
        "paths",
        person=span.actor.expression,
        table=span.domain.raw_table,
        condition=f"{condition} AND event_type IN {{types:Array(String)}}",
        # What is told last of a moment comes nearest to what follows, and the other way round.
        is_anchor=is_anchor,
        rank="is_anchor" if asked.is_before else "(1 - is_anchor)",
        ranks=f"{_RANKS}",
        room=f"{_ROOM}",
        in_time=f"ms >= {begin_ms} AND ms < {span.end_ms}",
        is_first=f"intDiv(e, {_RANKS}) % 2 = {anchor_rank} AND e >= {begin_ms * _ROOM} AND e < {span.end_ms * _ROOM}",
        side="arrayReverse(arraySlice(journey, 1, place))" if asked.is_before else "arraySlice(journey, place)",
        near=f"abs(intDiv(e, {_ROOM}) - intDiv(journey[place], {_ROOM})) <= {asked.window}",
        joined="places" if asked.repeats else "arrayCompact(places)",
        told="arrayReverse(cut)" if asked.is_before else "cut",
        depth=f"{asked.depth}",
        settings=IN_PARTS,
    )
    return sql, values
