"""A name that there is not: what is refused, what there is, and what was perhaps meant, in the same way everywhere."""

import difflib
from collections.abc import Collection
from typing import Final

from streams.errors import QueryRefused

SHOWN: Final = 80
"""Characters of what was given that are told again, and compared."""


def nearest(name: str, known: Collection[str], most: int = 3, likeness: float = 0.5) -> tuple[str, ...]:
    """The known names that are most like this one, the likest first; `likeness`: from 0 to 1, the least that counts.

    >>> nearest("revenu", ["bookings", "revenue", "refunds"])
    ('revenue',)
    """
    return tuple(difflib.get_close_matches(name[:SHOWN], known, most, likeness))


def unknown(
    message: str,
    name: str,
    known: Collection[str],
    *,
    code: str,
    hint: str = "",
    most: int = 3,
    likeness: float = 0.5,
) -> QueryRefused:
    """The refusal of a name. `message`: `{}` in it is the name. Without a hint: all that there is.

    >>> error = unknown("There is no fruit {}.", "aple", ["apple", "pear"], code="unknown_fruit")
    >>> str(error), error.hint, error.near
    ("There is no fruit 'aple'.", 'There are apple, pear.', ('apple', 'pear'))
    """
    shown = name[:SHOWN]
    listed = f"There are {', '.join(known)}." if known else "There is none."
    near = nearest(name, known, most, likeness)
    return QueryRefused(message.format(repr(shown)), code=code, value=shown, hint=hint or listed, near=near)
