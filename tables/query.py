"""What a reader may ask of a live window, checked before anything is read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from streams.errors import QueryRefused
from streams.unknown import unknown
from tables.aggregates import Money, Quantiles, Top
from tables.window import Declared, Slices, Window

MOST_WINDOWS = 1440
"""Windows of one answer at most: a day of minutes."""
MOST_PANES = 5000
"""Panes that one question may read, for each shard."""


@dataclass(frozen=True, slots=True)
class Query:
    """Which windows, which of their keys, and in what order."""

    window: str
    last: int = 1
    """The newest windows, the running one among them; not used where `start` is given."""
    start: int | None = None
    """Windows that begin at this second or later, and before `end`. Seconds since 1970."""
    end: int | None = None
    where: tuple[tuple[str, str], ...] = ()
    """Key column and value; a value that ends with `*` is a prefix. All must hold."""
    by: str = ""
    """The measure that rows are ordered by, the largest first; a part of it after a point, such as `revenue.USD`."""
    limit: int = 0
    """Rows of each window at most; 0: all."""


def find(declared: Declared, name: str) -> tuple[Window, Slices]:
    """A window and what it is put together from. Raises QueryRefused, which lists near names."""
    window = declared.windows.get(name)
    if window is None:
        hint = "GET /v1/live/windows lists all names."
        raise unknown(
            "No window is called {}.", name, declared.windows, code="unknown_window", hint=hint, most=5, likeness=0.4
        )
    return window, declared.slices[window.over.name]


def check(query: Query, window: Window, slices: Slices, now: int) -> None:
    """Refuse what cannot be answered. Raises QueryRefused. `now`: as for `starts`."""
    columns = window.over.key
    for column, _ in query.where:
        if column not in columns:
            listed = f"Its key columns: {', '.join(columns)}." if columns else "It has no key: leave the filter out."
            raise QueryRefused(
                f"{window.name} has no key column {column!r}.", code="unknown_column", value=column, hint=listed
            )
    if query.start is not None and query.end is not None and query.end <= query.start:
        raise QueryRefused(
            "The range ends before it begins.",
            code="bad_range",
            value=f"{query.start}..{query.end}",
            hint="Give a `to` after `from`.",
        )
    if query.by:
        _measure_of(query.by, window)
    count = len(starts(query, window, now))
    panes = (window.size + (count - 1) * window.slide) // slices.pane
    if count > MOST_WINDOWS or panes > MOST_PANES:
        raise QueryRefused(
            f"{count:,} windows of {window.name} are too many for one answer.",
            code="too_much",
            value=str(count),
            hint=f"Ask for {MOST_WINDOWS:,} windows and {MOST_PANES:,} panes of {slices.pane} s at most.",
        )


def starts(query: Query, window: Window, now: int) -> range:
    """Beginnings of the windows asked for, oldest first; `now` in seconds says which are the newest."""
    slide = window.slide
    if query.start is not None:
        end = query.end if query.end is not None else now
        first = -(-query.start // slide) * slide
        return range(first, max(first, end), slide)
    # The window that ends next holds the present moment in its last slide.
    newest = (now // slide + 1) * slide - window.size
    return range(newest - (query.last - 1) * slide, newest + 1, slide)


def keeps(query: Query, key: Mapping[str, str]) -> bool:
    """Whether a key meets every filter."""
    return all(
        key[column].startswith(value[:-1]) if value.endswith("*") else key[column] == value
        for column, value in query.where
    )


def rank(query: Query, values: Mapping[str, Any]) -> Decimal:
    """What a row is ordered by; nothing ranks below everything."""
    name, _, part = query.by.partition(".")
    value = values[name]
    if part:
        value = value.get(part)
    return Decimal("-Infinity") if value is None else Decimal(value)


def _measure_of(by: str, window: Window) -> None:
    name, _, part = by.partition(".")
    measures: Sequence[Any] = window.over.measures
    measure = next((each for each in measures if each.name == name), None)
    if measure is None or isinstance(measure, Top):
        names = ", ".join(each.name for each in measures if not isinstance(each, Top))
        raise QueryRefused(
            f"{window.name} cannot be ordered by {by!r}.", code="unknown_measure", value=by, hint=f"Measures: {names}."
        )
    if isinstance(measure, Money) and not part:
        raise QueryRefused(
            f"{by!r} has an amount in each currency, which do not compare.",
            code="unknown_measure",
            value=by,
            hint=f"Name one, such as by={by}.USD.",
        )
    if isinstance(measure, Quantiles) and part not in measure.part_values:
        raise QueryRefused(
            f"{by!r} is no single number.",
            code="unknown_measure",
            value=by,
            hint=f"Use {' or '.join(f'by={name}.{quantile}' for quantile in measure.part_values)}.",
        )
    if part and not isinstance(measure, Money | Quantiles):
        raise QueryRefused(f"{name!r} has no parts.", code="unknown_measure", value=by, hint=f"Use by={name}.")
