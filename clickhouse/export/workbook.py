"""Excel files, row by row: text as text, numbers as numbers, and a further sheet where one is full.

Rows lie in temporary files until the workbook is closed, since it is a zip of its sheets.
"""

import math
import shutil
import tempfile
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO, Final
from zoneinfo import ZoneInfo

import pyarrow as pa
import xlsxwriter

from clickhouse.export.inert import is_formula
from streams.errors import QueryRefused

SHEET_ROWS: Final = 1_048_576
"""Rows that Excel has in one sheet, the header among them."""
CELL_CHARACTERS: Final = 32_767
"""Characters that Excel has in one cell."""
EXACT: Final = 999_999_999_999_999
"""Excel keeps fifteen digits: a longer whole number or amount is written as text, so that none is lost."""
_DIGITS: Final = 15
_OPTIONS: Final = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_numbers": False,
    "strings_to_urls": False,
}


class Workbook:
    """Writes one workbook; sheets are called `1`, `2` ..., each with the header."""

    def __init__(self, file: BinaryIO, schema: Any, sheet_rows: int = SHEET_ROWS) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="millrace-")
        self._file = file
        # Put together apart: a zip that is refused in the middle of a part cannot be let go cleanly.
        self._whole = Path(self._folder.name, "whole")
        self._book = xlsxwriter.Workbook(str(self._whole), {**_OPTIONS, "tmpdir": self._folder.name})
        self._bold = self._book.add_format({"bold": True})
        self._time = self._book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss.000"})
        self._quoted = self._book.add_format({"quote_prefix": True})
        self._zones = [_zone(each.type) for each in schema]
        self._titles = [
            each.name if zone is None else f"{each.name} ({zone.key})"
            for each, zone in zip(schema, self._zones, strict=True)
        ]
        self._sheet_rows = sheet_rows
        self._sheets = 0
        self._begin()

    def write(self, batch: Any) -> None:
        """Write some rows. Raises QueryRefused for text that is longer than a cell."""
        columns = [column.to_pylist() for column in batch.columns]
        for values in zip(*columns, strict=True):
            if self._row == self._sheet_rows:
                self._begin()
            for place, value in enumerate(values):
                if value is not None:
                    self._cell(place, value)
            self._row += 1

    def close(self) -> None:
        """Put the file together."""
        self._book.close()
        with self._whole.open("rb") as whole:
            shutil.copyfileobj(whole, self._file)
        self._folder.cleanup()

    def abandon(self) -> None:
        """Remove the temporary files."""
        for sheet in self._book.worksheets():
            sheet.row_data_fh.close()
        self._book.fileclosed = True  # else it is put together when it is collected, with a warning
        self._folder.cleanup()

    def _begin(self) -> None:
        self._sheets += 1
        self._sheet = self._book.add_worksheet(str(self._sheets))
        self._sheet.freeze_panes(1, 0)
        for place, title in enumerate(self._titles):
            self._sheet.write_string(0, place, title, self._bold)
        self._row = 1

    def _cell(self, place: int, value: Any) -> None:
        if isinstance(value, bool):
            self._sheet.write_boolean(self._row, place, value)
        elif isinstance(value, datetime):
            self._sheet.write_datetime(self._row, place, _naive(value, self._zones[place]), self._time)
        elif isinstance(value, int) and abs(value) > EXACT:
            self._text(place, str(value))
        elif isinstance(value, Decimal) and _is_long(value):
            self._text(place, f"{value:f}")
        elif isinstance(value, int | float | Decimal):
            if math.isfinite(value):
                self._sheet.write_number(self._row, place, float(value))
        else:
            self._text(place, str(value))

    def _text(self, place: int, text: str) -> None:
        if len(text) > CELL_CHARACTERS:
            raise QueryRefused(
                f"Column {self._titles[place]!r} has a text of {len(text):,} characters; a cell of Excel has "
                f"{CELL_CHARACTERS:,} at most.",
                code="cell_too_long",
                value=self._titles[place],
                hint="Leave the column out, or take another format.",
            )
        self._sheet.write_string(self._row, place, text, self._quoted if is_formula(text) else None)


def _is_long(value: Decimal) -> bool:
    """Whether an amount has more digits than Excel keeps; it has four behind the point at most."""
    return abs(value) > EXACT // 10_000 and Decimal(f"{value:.{_DIGITS}g}") != value


def _zone(kind: Any) -> ZoneInfo | None:
    return ZoneInfo(kind.tz or "UTC") if pa.types.is_timestamp(kind) else None


def _naive(moment: datetime, zone: ZoneInfo | None) -> datetime:
    """Excel's times have no zone; the title says which it is."""
    return moment.astimezone(zone).replace(tzinfo=None)
