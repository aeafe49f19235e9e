"""A report as PDF says what its page says, whatever the data holds, however long it is."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.reports import chart, page, pdf
from api.reports.chart import COLOURS, Series
from api.reports.sheet import FONT, WIDTH, face
from streams.errors import ConfigurationError
from tests.support.portable import outline_of, pages_of, pixels_like, text_of

NOW = datetime(2030, 1, 7, 6, tzinfo=UTC)
INVISIBLE = re.compile(r"[\W_]+")


def made(*parts: str, title: str = "The week") -> bytes:
    """A report of these parts as PDF."""
    return pdf.of(page.page(title, NOW, parts))


def letters(text: str) -> str:
    """What is left of a text once the breaks between lines do not count."""
    return INVISIBLE.sub("", text)


def test_it_is_a_pdf_with_title_and_outline() -> None:
    body = made("<h2>First</h2>", page.nothing("Nothing."), "<h3>Deeper</h3>")

    assert body.startswith(b"%PDF-")
    assert outline_of(body) == [(0, "The week"), (1, "First"), (1, "Deeper")]
    words = text_of(body)
    assert "Made 2030-01-07 06:00 UTC by Millrace." in words
    assert "Nothing." in words


def test_charts_are_drawn_in_their_colours() -> None:
    series = [Series("one & only", [1.0, 5.0, 3.0]), Series("<two>", [2.0, None, 4.0])]
    series.append(Series("level", [1.0, 1.0, 1.0]))
    body = made(chart.lines(["mon", "tue", "wed"], series, "x"), chart.bars(["up", "down"], [3.0, -2.0], "y"))

    bars, dots, line, unused = (pixels_like(body, colour) for colour in COLOURS[:4])
    assert bars > 20_000
    assert 150 < dots < 500  # two, and the square of the legend
    assert line > 800
    assert unused == 0
    words = text_of(body)
    assert [each for each in ("one & only", "<two>", "mon", "down", "-2") if each not in words] == []


def test_a_long_table_goes_over_pages_and_loses_no_row() -> None:
    rows = [[f"2030-01-{number:04d}", f"city {number}", number] for number in range(500)]
    pages = pages_of(made(page.table(["period", "city", "bookings"], rows)))

    assert len(pages) > 5
    assert all("bookings" in each for each in pages)
    words = "\n".join(pages)
    assert [number for number in range(500) if f"2030-01-{number:04d}" not in words] == []
    assert all(each.endswith(str(number)) for number, each in enumerate(pages, 1))


def test_a_title_begins_the_next_page_rather_than_end_one() -> None:
    before, after = [page.nothing(f"before {number}") for number in range(46)], [page.nothing("after")] * 48
    first, second = pages_of(made(*before, "<h2>Next</h2>", *after))

    assert first.count("before") == 46
    assert "Next" not in first
    assert second.startswith("Next")
    assert second.count("after") == 48


def test_a_cell_that_is_longer_than_a_page_is_whole() -> None:
    words = [f"word{number}" for number in range(3_000)]
    body = made(page.table(["how", "n"], [[" ".join(words), 1], ["x" * 2_000, 2]]))

    found = letters(text_of(body))
    assert [word for word in words if word not in found] == []
    assert found.count("x") == 2_000


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(max_size=60), min_size=1, max_size=4))
def test_whatever_the_data_holds_is_text(values: list[str]) -> None:
    found = text_of(made(page.table(["a", "b"], [[value, "end"] for value in values]), title="<b>x</b> & y"))

    assert "<b>x</b> & y" in found
    assert found.count("end") == len(values)


def test_letters_that_the_font_lacks_stand_as_their_numbers() -> None:
    found = text_of(
        made(page.table(["city"], [["\u6771\u4eac"], ["\u041a\u0438\u0457\u0432"], ["\u0141\u00f3d\u017a"]]))
    )

    assert "\\u6771\\u4eac" in found
    assert "\u041a\u0438\u0457\u0432" in found
    assert "\u0141\u00f3d\u017a" in found


def test_a_font_that_is_none_is_told(tmp_path: Path) -> None:
    wrong = tmp_path / "font.ttf"
    wrong.write_text("no font")
    with pytest.raises(ConfigurationError, match=r"REPORT_FONT=.*font.ttf is no TrueType font"):
        pdf.of(page.page("x", NOW, []), wrong)


@given(st.text(), st.floats(20, WIDTH))
def test_lines_are_no_wider_than_they_may_be(text: str, width: float) -> None:
    font = face(FONT)
    lines = font.wrapped(text, 8, width)

    assert all(font.width(line, 8) <= width or len(line) == 1 for line in lines)
    assert "".join("".join(lines).split()) == "".join(font.plain(text).split())
