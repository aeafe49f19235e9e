"""Statements in files, with the expressions of a question put in; what a reader sends is bound, never put in."""

from functools import cache
from pathlib import Path
from string import Template
from typing import Final

FOLDER: Final = Path(__file__).with_name("sql")
IN_PARTS: Final = "SETTINGS group_by_two_level_threshold = 1"
"""Persons are grouped in 256 parts, which are put together and gone over side by side, and never all at once."""


def fill(name: str, folder: Path = FOLDER, /, **expressions: str) -> str:
    """The statement of a file. Raises KeyError for an expression that is missing."""
    return _template(folder / f"{name}.sql").substitute(expressions)


@cache
def _template(path: Path) -> Template:
    lines = path.read_text(encoding="utf-8").splitlines()
    return Template("\n".join(line for line in lines if not line.startswith("--")).strip())
