"""The tree of errors that is drawn is the one that there is."""

import re

from streams import errors
from streams.errors import MillraceError

LINE = re.compile(r"^((?:\|   )*)\+-- (\w+) ", re.MULTILINE)


def made(base: type[Exception]) -> set[tuple[str, str]]:
    """Every error below a base, with its own base."""
    found = set()
    for each in base.__subclasses__():
        if each.__module__ == errors.__name__:
            found |= {(base.__name__, each.__name__)} | made(each)
    return found


def test_every_error_is_drawn_below_its_base() -> None:
    above, drawn = [MillraceError.__name__], set()
    for indent, name in LINE.findall(errors.__doc__ or ""):
        depth = len(indent) // 4
        above[depth + 1 :] = [name]
        drawn.add((above[depth], name))
    assert drawn == made(MillraceError)
