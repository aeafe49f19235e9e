"""Pages of a PDF that are filled from the top: lines of text, rows of tables, and where each stands."""

import io
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFError, TTFont
from reportlab.pdfgen.canvas import Canvas

from streams.errors import ConfigurationError

FONT: Final = Path(__file__).with_name("fonts") / "DejaVuSans.ttf"
"""Latin, Greek, Cyrillic and many more, but not Chinese, Japanese and Korean."""
MARGIN: Final = 48.0
WIDTH: Final = A4[0] - 2 * MARGIN
"""Points that text may take from left to right."""
INK: Final = "#222222"
_FOOT: Final = 30.0
_GREY: Final = "#666666"
_LINE: Final = "#dddddd"
_CELL: Final = 8.0
"""Size of a table's text."""
_PAD: Final = 6.0
_LEADING: Final = 1.35


class Cell(NamedTuple):
    """A cell of a table."""

    text: str
    is_number: bool = False
    """Whether it stands at the right."""


class Face(NamedTuple):
    """A font that is ready to be written with."""

    name: str
    known: frozenset[int]
    """Characters that it has."""

    def plain(self, text: str) -> str:
        r"""Text in one line; what the font lacks stands as its number, such as \u4eba: no two names may look alike."""
        line = " ".join(text.split())
        return "".join(each if ord(each) in self.known else f"\\u{ord(each):04x}" for each in line)

    def width(self, text: str, size: float) -> float:
        """Points that it takes."""
        return float(pdfmetrics.stringWidth(text, self.name, size))

    def wrapped(self, text: str, size: float, width: float) -> list[str]:
        """Lines of this width at most, cut between words where that is possible."""
        lines, line = [], ""
        for word in self.plain(text).split(" "):
            joined = f"{line} {word}" if line else word
            if self.width(joined, size) <= width:
                line = joined
                continue
            if line:
                lines.append(line)
            line = word
            while len(line) > 1 and self.width(line, size) > width:
                most = next((n for n in range(1, len(line)) if self.width(line[: n + 1], size) > width), len(line))
                lines.append(line[:most])
                line = line[most:]
        return [*lines, line]


@cache
def face(path: Path) -> Face:
    """The font of a TrueType file. Raises ConfigurationError."""
    name = f"report {path}"
    try:
        font = TTFont(name, str(path))
    except (TTFError, OSError) as error:
        raise ConfigurationError(f"REPORT_FONT={path} is no TrueType font that can be embedded: {error}") from error
    pdfmetrics.registerFont(font)
    return Face(name, frozenset(font.face.charToGlyph))


class Sheet:
    """A PDF as it is written; everything stands below what was written before, on a further page if need be."""

    def __init__(self, title: str, font: Face) -> None:
        self._body = io.BytesIO()
        self.canvas = Canvas(self._body, pagesize=A4)
        self.canvas.setTitle(title)
        self.canvas.setCreator("Millrace")
        self.font = font
        self._title = font.plain(title)
        self.y: float = A4[1] - MARGIN
        """Points above the lower edge that are still free."""

    def take(self, height: float) -> bool:
        """Go so many points down; returns whether that began a page."""
        is_new = self.y - height < MARGIN
        if is_new:
            self._turn()
        self.y -= height
        return is_new

    def write(self, x: float, text: str, size: float, colour: str = INK) -> None:
        """Text that begins here, in the line that was taken."""
        self.canvas.setFont(self.font.name, size)
        self.canvas.setFillColor(HexColor(colour))
        self.canvas.drawString(x, self.y, text)

    def paragraph(self, text: str, size: float, *, above: float = 0.0, is_note: bool = False) -> None:
        """Text from margin to margin."""
        for number, line in enumerate(self.font.wrapped(text, size, WIDTH)):
            self.take(size * _LEADING + (above if number == 0 else 0.0))
            self.write(MARGIN, line, size, _GREY if is_note else INK)

    def heading(self, text: str, size: float, level: int) -> None:
        """A title, which is in the outline too. It does not stand alone at the end of a page."""
        if self.y - 8 * size < MARGIN:
            self._turn()
        self.paragraph(text, size, above=size)
        key = f"at {self.canvas.getPageNumber()} {self.y:.0f} {text[:40]}"
        self.canvas.bookmarkHorizontal(key, 0, self.y + size)
        self.canvas.addOutlineEntry(self.font.plain(text), key, level)

    def table(self, titles: Sequence[Cell], rows: Sequence[Sequence[Cell]]) -> None:
        """A table; its titles stand again on each page."""
        widths = self._widths([titles, *rows])
        self.take(4)
        self._row(titles, widths, [], _GREY)
        for row in rows:
            self._row(row, widths, titles, INK)
        self.take(10)

    def bytes(self) -> bytes:
        """The whole file."""
        self._end_page()
        self.canvas.save()
        return self._body.getvalue()

    def _widths(self, rows: Sequence[Sequence[Cell]]) -> list[float]:
        """Of each column: what its longest cell takes where there is room; large ones share what small ones leave."""
        wanted = [
            max(self.font.width(self.font.plain(cell.text), _CELL) for cell in column) + _PAD
            for column in zip(*rows, strict=True)
        ]
        if sum(wanted) <= WIDTH:
            return [each * WIDTH / sum(wanted) for each in wanted]
        small = [each for each in wanted if each <= WIDTH / len(wanted)]
        room, large = WIDTH - sum(small), sum(wanted) - sum(small)
        return [each if each <= WIDTH / len(wanted) else each * room / large for each in wanted]

    def _row(self, row: Sequence[Cell], widths: Sequence[float], titles: Sequence[Cell], colour: str) -> None:
        """One row, line by line: one that is taller than a page goes on on the next."""
        cells = [self.font.wrapped(cell.text, _CELL, width - _PAD) for cell, width in zip(row, widths, strict=True)]
        for number in range(max(map(len, cells))):
            if self.take(_CELL * _LEADING) and titles:
                self.y += _CELL * _LEADING
                self._row(titles, widths, [], _GREY)
                self.take(_CELL * _LEADING)
            x = MARGIN
            for cell, lines, width in zip(row, cells, widths, strict=True):
                if number < len(lines):
                    free = width - _PAD - self.font.width(lines[number], _CELL)
                    self.write(x + (free if cell.is_number else 0.0), lines[number], _CELL, colour)
                x += width
        self.take(3)
        self.canvas.setStrokeColor(HexColor(_LINE))
        self.canvas.setLineWidth(0.5)
        self.canvas.line(MARGIN, self.y, MARGIN + WIDTH, self.y)

    def _turn(self) -> None:
        self._end_page()
        self.canvas.showPage()
        self.y = A4[1] - MARGIN

    def _end_page(self) -> None:
        self.canvas.setFont(self.font.name, 7)
        self.canvas.setFillColor(HexColor(_GREY))
        self.canvas.drawString(MARGIN, _FOOT, self._title[:120])
        self.canvas.drawRightString(MARGIN + WIDTH, _FOOT, str(self.canvas.getPageNumber()))
