"""Text that spreadsheets take for a formula, and how it is made to stay text.

A cell of a CSV file that begins with one of these characters is computed when the file is opened, and a formula can
send what stands beside it elsewhere. The way out that every spreadsheet understands is an apostrophe in front. Numbers
have columns of their own and stay numbers, negative ones too. An Excel file says of each cell what it is: there text is
written as text, and marked with Excel's own quote prefix, so that it stays so when somebody edits it.
"""

import re
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

# Also behind a line feed, and the wide forms that some programs take for the narrow ones.
BEGINS: Final = "[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]"
_BEGINS: Final = re.compile(BEGINS)


def is_formula(text: str) -> bool:
    """Whether a spreadsheet might compute it."""
    return _BEGINS.match(text) is not None


def inert(column: Any) -> Any:
    """A column of text, each dangerous value behind an apostrophe."""
    dangerous = pc.match_substring_regex(column, f"^{BEGINS}")
    quoted = pc.binary_join_element_wise(pa.scalar("'"), column, "")
    return pc.if_else(dangerous, quoted, column)
