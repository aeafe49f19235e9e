"""Puts a question about a board to ClickHouse: places, values and figures, and where each stood before."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from clickhouse_connect.driver.asyncclient import AsyncClient

from clickhouse.analytics.template import fill
from clickhouse.boards.board import Shape
from clickhouse.boards.question import Question
from clickhouse.metrics import answer, catalogue, route
from clickhouse.metrics.metric import Unit
from clickhouse.metrics.shown import moment, plain
from clickhouse.metrics.sources import Source
from clickhouse.metrics.statement import bound, matches, span, within

FOLDER: Final = Path(__file__).with_name("sql")
_HINT: Final = "Ask for a shorter range, or without filters, so that an aggregate answers."
Content = dict[str, Any]
Names = tuple[str, ...]


async def ask(client: AsyncClient, question: Question, *, compare: bool = False) -> Content:
    """The boards of a question, from the smallest table that can. Raises as `read` does."""
    return await read(client, question, question.source, compare=compare)


async def read(client: AsyncClient, question: Question, source: Source, *, compare: bool = False) -> Content:
    """The same from a given table. Raises QueryRefused where it costs too much, and as `clickhouse.client.classify`."""
    metric = next(each for each in catalogue.METRICS if each.domain is question.board.domain)
    at = await answer.as_of(client, metric)  # before the numbers, which may hold more and never less
    lines = await _lines(client, question, source, question.limit + 1)
    boards: dict[str, list[Mapping[str, Any]]] = {}
    for line in lines:
        boards.setdefault(line["board"], []).append(line)
    shown = [line for rows in boards.values() for line in rows[: question.limit]]
    earlier = await _earlier(client, question, shown) if compare else None
    before = question.previous()
    zone = question.zone
    return {
        "board": question.board.name,
        "rank_by": question.by,
        "unit": question.rank.unit.value,
        "from": moment(question.begin.astimezone(zone)),
        "to": moment(question.end.astimezone(zone)),
        "zone": zone.key,
        "exact": True,
        "source": source.table,
        "as_of": moment(at),
        "compared_with": {"from": moment(before.begin.astimezone(zone)), "to": moment(before.end.astimezone(zone))}
        if compare
        else None,
        "boards": [
            {
                "currency": name or None,
                "members": rows[0]["members"],
                "rows": [_row(question, line, earlier) for line in rows[: question.limit]],
            }
            for name, rows in boards.items()
        ],
        "has_more": any(len(rows) > question.limit for rows in boards.values()),
    }


def compose(question: Question, source: Source, most: int, only: Sequence[Names] = ()) -> tuple[str, dict[str, Any]]:
    """The statement and its parameters: a row a place, up to `most` of a board; `only`: those of these names."""
    board, rank = question.board, question.rank
    conditions = [*within(source.times["occurred"], source), *matches(question.where, source)]
    names = ", ".join(board.names)
    values = span(question.begin, question.end, source) | bound(question.where)
    values |= {"offset": question.offset, "most": most}
    if "{least:" in rank.counts:
        values["least"] = question.least
    if only:
        values["only"] = [list(each) for each in only]
    lines = fill(f"{board.name}_{source.table}", FOLDER, condition=" AND ".join(conditions))
    sql = fill(
        "board",
        FOLDER,
        names=names,
        figures=", ".join(board.figures),
        entities=fill(board.name, FOLDER, lines=lines),
        joined="ARRAY JOIN money AS one" if rank.per_currency else "",
        board="one.1" if rank.per_currency else "''",
        value=rank.value,
        counts=rank.counts,
        kept=f"[{names}] IN {{only:Array(Array(String))}}" if only else "1",
        ties=rank.ties,
        each="BY board" if rank.per_currency else "",  # BY puts all rows in order, where only the first are wanted
    )
    return sql, values


async def _lines(
    client: AsyncClient, question: Question, source: Source, most: int, only: Sequence[Names] = ()
) -> list[Mapping[str, Any]]:
    sql, values = compose(question, source, most, only)
    limits = route.ROWS if source.is_rows else route.AGGREGATE
    columns = ("board", *question.board.names, "value", *question.board.figures, "place", "members", "whole")
    found = await answer.run(client, sql, values, limits, _HINT, answer.threads(client))
    return [dict(zip(columns, line, strict=True)) for line in found]


async def _earlier(
    client: AsyncClient, question: Question, shown: Sequence[Mapping[str, Any]]
) -> dict[tuple[str, Names], tuple[int, Any]]:
    """Place and value, by board and names, of those that are shown, in the range before."""
    names = [*dict.fromkeys(_names(question, line) for line in shown)]
    if not names:
        return {}
    before = question.previous()
    lines = await _lines(client, before, before.source, len(names), names)
    return {(line["board"], _names(question, line)): (line["place"], line["value"]) for line in lines}


def _names(question: Question, line: Mapping[str, Any]) -> Names:
    return tuple(str(line[name]) for name in question.board.names)


def _row(
    question: Question, line: Mapping[str, Any], earlier: Mapping[tuple[str, Names], tuple[int, Any]] | None
) -> Content:
    board, rank = question.board, question.rank
    row: Content = {"rank": line["place"], **{name: line[name] for name in board.names}}
    row["value"] = _told(rank.unit, line["value"])
    row |= {name: _figure(shape, line[name]) for name, shape in board.figures.items()}
    if rank.is_share:
        row["share"] = line["value"] / line["whole"]
    if earlier is not None:
        place, value = earlier.get((line["board"], _names(question, line)), (None, None))
        row |= {"previous_rank": place, "previous": _told(rank.unit, value)}
    return row


def _figure(shape: Shape, value: Any) -> Any:
    """A figure for JSON; money by currency, as text."""
    return {currency: plain(amount) for currency, amount in value} if shape is Shape.MONEY else value


def _told(unit: Unit, value: Any) -> Any:
    """A value for JSON; money as text."""
    if value is None:
        return None
    return plain(Decimal(value)) if unit is Unit.MONEY else value
