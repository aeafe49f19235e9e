"""What can be asked of a board, checked before anything is read."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from clickhouse.boards.board import Board, Rank
from clickhouse.metrics.earlier import before
from clickhouse.metrics.question import MOST_OFFSET, Where, filters, number, span
from clickhouse.metrics.sources import Source
from streams.errors import QueryRefused
from streams.unknown import unknown

USUAL_ROWS: Final = 10
MOST_ROWS: Final = 1_000
"""Of one page of one board."""
LEAST_RATINGS: Final = 5
"""Ratings that a driver has at least to be ranked by them, where nothing else is asked for."""


@dataclass(frozen=True, slots=True)
class Question:
    """A board over a range of time."""

    board: Board
    by: str
    """What it is ranked by; a key of the board's ranks."""
    begin: datetime
    """In UTC."""
    end: datetime
    """In UTC; not part of the range."""
    zone: ZoneInfo
    where: Where = ()
    least: int = LEAST_RATINGS
    limit: int = USUAL_ROWS
    offset: int = 0

    @property
    def rank(self) -> Rank:
        """What it is ranked by."""
        return self.board.ranks[self.by]

    @property
    def source(self) -> Source:
        """The smallest table that knows the filters and is cut between its buckets; the events know all."""
        return self.sources[0]

    @property
    def sources(self) -> list[Source]:
        """Every table that can answer, the smallest first."""
        return [source for source in self.board.sources if self._fits(source)]

    @property
    def fingerprint(self) -> list[Any]:
        """All that makes the question what it is, but for the page."""
        times = (self.begin.isoformat(), self.end.isoformat(), self.zone.key)
        return [self.board.name, self.by, *times, self.where, self.least, self.limit]

    def at(self, offset: int) -> "Question":
        """The same question from another place on; of each board."""
        return replace(self, offset=number("offset", offset, 0, MOST_OFFSET))

    def previous(self) -> "Question":
        """The same question about the range before."""
        begin, end = before(self.begin, self.end, self.zone)
        return replace(self, begin=begin, end=end, offset=0)

    def _fits(self, source: Source) -> bool:
        if any(name not in source.dimensions for name, _ in self.where):
            return False
        length = source.minutes * 60
        return not length or not any(moment.timestamp() % length for moment in (self.begin, self.end))


def ask(
    board: Board,
    *,
    by: str = "",
    begin: str = "",
    end: str = "",
    zone: str = "",
    where: Sequence[str] = (),
    least: int | None = None,
    limit: int = USUAL_ROWS,
    now: datetime | None = None,
) -> Question:
    """The question that these words ask. Raises QueryRefused, which says which of them does not fit, and what would.

    Times and filters are those of `clickhouse.metrics.question.ask`; `least`: ratings that a driver has at least.
    """
    name = by or next(iter(board.ranks))
    if name not in board.ranks:
        raise unknown(f"{board.name.capitalize()} are not ranked by {{}}.", name, board.ranks, code="bad_rank_by")
    if least is not None and name != "rating":
        raise QueryRefused(
            "A least number of ratings makes sense by rating alone.",
            code="bad_least_ratings",
            value=str(least)[:80],
            hint="Leave `least_ratings` out, or rank by rating.",
        )
    least = LEAST_RATINGS if least is None else number("least_ratings", least, 1, 1_000_000)
    times = span(board.domain, begin, end, zone, now)
    return Question(board, name, *times, filters(board, where), least, number("limit", limit, 1, MOST_ROWS))
