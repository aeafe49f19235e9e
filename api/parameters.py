"""Parameters of requests, parsed into what `tables.query` understands."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from fastapi import Query as Parameter

from streams.errors import QueryRefused
from tables.query import Query

Last = Annotated[
    int, Parameter(ge=1, description="The newest windows, the running one among them. Not used where `from` is given.")
]
From = Annotated[
    str, Parameter(alias="from", description="First start of a window, as RFC 3339 with zone or seconds since 1970.")
]
To = Annotated[str, Parameter(description="Windows begin before this time; default now. Written like `from`.")]
Where = Annotated[
    list[str] | None,
    Parameter(
        description="Keep keys whose column has this value, as `column:value`; `value*` is a prefix. Repeatable."
    ),
]
By = Annotated[
    str, Parameter(description="Measure to order by, the largest first, such as `created` or `revenue.USD`.")
]
Limit = Annotated[int, Parameter(ge=0, le=10_000, description="Rows of each window at most; 0: all.")]
Topics = Annotated[
    list[str] | None,
    Parameter(alias="topic", description="What to send: `realtime`, `dashboard`, or the name of a window. Repeatable."),
]


def moment(name: str, text: str) -> int | None:
    """Seconds since 1970 of a time parameter. Raises QueryRefused."""
    if not text:
        return None
    try:
        if text.lstrip("-").replace(".", "", 1).isdigit():
            return int(float(text))
        at = datetime.fromisoformat(text.replace(" ", "+"))  # a plus sign in an address means a space
        if at.tzinfo is None:
            raise ValueError("it has no zone")
        return int(at.timestamp())
    except (ValueError, OverflowError) as error:
        raise QueryRefused(
            f"Parameter {name!r} is no time: {error}.",
            code="bad_time",
            value=text,
            hint="Write 2026-01-31T12:00:00Z, or seconds since 1970.",
        ) from None


def filters(texts: Sequence[str] | None) -> tuple[tuple[str, str], ...]:
    """Filters on key columns. Raises QueryRefused."""
    found = []
    for text in texts or ():
        column, colon, value = text.partition(":")
        if not colon or not column:
            raise QueryRefused(
                f"{text!r} is no filter.", code="bad_filter", value=text, hint="Write where=column:value."
            )
        found.append((column, value))
    return tuple(found)


def query(name: str, last: int, begin: str, end: str, where: Sequence[str] | None, by: str, limit: int) -> Query:
    """The question that the parameters ask. Raises QueryRefused."""
    return Query(name, last, moment("from", begin), moment("to", end), filters(where), by, limit)
