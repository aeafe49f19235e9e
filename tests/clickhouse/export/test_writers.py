"""Formats read back by other hands than wrote them: text stays inert text, numbers stay numbers, nothing is lost."""

import csv
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet
import pytest
from openpyxl.utils.escape import unescape

from clickhouse.export.workbook import CELL_CHARACTERS, Workbook
from clickhouse.export.writers import KINDS, Format
from streams.errors import QueryRefused

FORMULAS = (
    "=1+1",
    "=cmd|' /C calc'!A0",
    '=HYPERLINK("http://example.org?x="&A1,"a")',
    "+1+1",
    "-2+3",
    "@SUM(A1)",
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    "\uff1d1+1",
)
PLAIN = ("", "word", "a=b", 'quoted "word", and\nlines', "1e5", "007", "'=1", "http://example.org", "\u00fc\U0001f680")
TEXTS = (*FORMULAS, *PLAIN, None)
AT = datetime(2030, 5, 1, 12, 30, 15, 123000, tzinfo=UTC)
SCHEMA = pa.schema(
    [
        ("text", pa.string()),
        ("whole", pa.int64()),
        ("real", pa.float64()),
        ("money", pa.decimal128(18, 4)),
        ("at", pa.timestamp("ms", "UTC")),
        ("yes", pa.bool_()),
        ("cell", pa.uint64()),
    ]
)
NUMBERS = {"whole": -5, "real": -1.5, "money": Decimal("-12.3400"), "at": AT, "yes": True, "cell": 613362111795265535}


def written(form: Format, texts: tuple[str | None, ...] = TEXTS) -> bytes:
    """A file with a row for each text, in two batches and an empty one."""
    rows = [{"text": text, **NUMBERS} for text in texts]
    file = io.BytesIO()
    writer = KINDS[form].open(file, SCHEMA)
    try:
        for part in ([], rows[:3], [], rows[3:]):
            writer.write(pa.RecordBatch.from_pylist(part, schema=SCHEMA))
        writer.close()
    except QueryRefused:
        writer.abandon()
        raise
    return file.getvalue()


def from_csv(content: bytes) -> list[dict[str, Any]]:
    """Rows as a reader of CSV sees them."""
    return list(csv.DictReader(io.StringIO(content.decode(), newline="")))


def from_xlsx(content: bytes) -> list[list[Any]]:
    """Cells of all sheets, without the titles."""
    sheets = openpyxl.load_workbook(io.BytesIO(content)).worksheets
    return [list(row) for sheet in sheets for row in sheet.iter_rows(min_row=2)]


READ: dict[Format, Callable[[bytes], list[dict[str, Any]]]] = {
    Format.JSON: lambda content: json.loads(content)["rows"],
    Format.NDJSON: lambda content: [json.loads(line) for line in content.splitlines()],
    Format.PARQUET: lambda content: pyarrow.parquet.read_table(io.BytesIO(content)).to_pylist(),
}


def test_csv_has_no_formulas_and_its_numbers_are_numbers() -> None:
    rows = from_csv(written(Format.CSV))

    assert [row["text"] for row in rows] == [*(f"'{text}" for text in FORMULAS), *PLAIN, ""]
    first = rows[0]
    assert (first["whole"], first["real"], first["money"], first["yes"]) == ("-5", "-1.5", "-12.3400", "true")
    assert datetime.fromisoformat(first["at"]) == AT
    assert first["cell"] == "613362111795265535"


def test_excel_has_text_that_stays_text() -> None:
    rows = from_xlsx(written(Format.XLSX))

    assert [unescape(row[0].value) if row[0].value else row[0].value for row in rows] == [
        text or (None if text is None else "") for text in TEXTS
    ]
    for text, row in zip(TEXTS, rows, strict=True):
        assert text is None or row[0].data_type == "s"
        assert bool(row[0].quotePrefix) == (text in FORMULAS)
        assert row[0].hyperlink is None
    _, whole, real, money, at, yes, cell = rows[0]
    assert [each.data_type for each in (whole, real, money, at, yes, cell)] == ["n", "n", "n", "d", "b", "s"]
    assert (whole.value, real.value, money.value, yes.value) == (-5, -1.5, -12.34, True)
    assert at.value == AT.replace(tzinfo=None)
    assert cell.value == "613362111795265535"  # a number would lose its last digits


@pytest.mark.parametrize("form", READ)
def test_formats_for_programs_have_values_as_they_are(form: Format) -> None:
    rows = READ[form](written(form))

    assert [row["text"] for row in rows] == list(TEXTS)
    first = rows[0]
    assert (first["whole"], first["real"], first["yes"], first["cell"]) == (-5, -1.5, True, 613362111795265535)
    if form is Format.PARQUET:
        assert (first["money"], first["at"]) == (Decimal("-12.3400"), AT)
    else:
        assert (first["money"], datetime.fromisoformat(first["at"])) == ("-12.3400", AT)


@pytest.mark.parametrize("form", Format)
def test_a_file_without_rows_is_whole(form: Format) -> None:
    content = written(form, ())

    if form is Format.CSV:
        assert content.decode().split(",")[0] == '"text"'
    elif form is Format.XLSX:
        assert from_xlsx(content) == []
    else:
        assert READ[form](content) == []


def test_a_full_sheet_is_followed_by_another() -> None:
    file = io.BytesIO()
    book = Workbook(file, pa.schema([("n", pa.int64()), ("at", pa.timestamp("ms", "Asia/Kathmandu"))]), sheet_rows=4)
    book.write(pa.RecordBatch.from_pydict({"n": [*range(7)], "at": pa.array([AT] * 7, pa.timestamp("ms", "UTC"))}))
    book.close()

    found = openpyxl.load_workbook(file)
    assert found.sheetnames == ["1", "2", "3"]
    assert [[cell.value for cell in sheet[1]] for sheet in found] == [["n", "at (Asia/Kathmandu)"]] * 3
    assert [[cell.value for cell in sheet["A"][1:]] for sheet in found] == [[0, 1, 2], [3, 4, 5], [6]]
    assert found["1"]["B2"].value == datetime(2030, 5, 1, 18, 15, 15, 123000)


def test_an_amount_of_more_digits_than_excel_keeps_is_text() -> None:
    amounts = ["99999999999.9999", "123456789012.3456", "-99999999999999.9999", "200000000000.0000"]
    file = io.BytesIO()
    book = Workbook(file, pa.schema([("money", pa.decimal128(38, 4))]))
    money = pa.array([Decimal(text) for text in amounts], pa.decimal128(38, 4))
    book.write(pa.RecordBatch.from_pydict({"money": money}))
    book.close()

    ((first,), (second,), (third,), (fourth,)) = from_xlsx(file.getvalue())
    assert [cell.data_type for cell in (first, second, third, fourth)] == ["n", "s", "s", "n"]
    assert (first.value, second.value, third.value) == (99999999999.9999, *amounts[1:3])
    assert fourth.value == 200_000_000_000


def test_a_text_that_no_cell_holds_is_refused() -> None:
    written(Format.XLSX, ("x" * CELL_CHARACTERS,))
    with pytest.raises(QueryRefused, match="32,768 characters") as raised:
        written(Format.XLSX, ("x" * (CELL_CHARACTERS + 1),))
    assert raised.value.code == "cell_too_long"
