"""A report as PDF: the page that is HTML otherwise, drawn element by element, so that both always say the same."""

import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Final

from reportlab.lib.colors import HexColor

from api.reports.chart import HEIGHT
from api.reports.chart import WIDTH as CHART_WIDTH
from api.reports.sheet import FONT, INK, MARGIN, WIDTH, Cell, Sheet, face

_DOCTYPE: Final = "<!DOCTYPE html>\n"
_NO_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that browsers take and XML does not; data can hold them."""
_SIZES: Final = {"h1": 18.0, "h2": 13.0, "h3": 10.5}
_TEXT: Final = 9.5
_NOTE: Final = 8.0
_SCALE: Final = WIDTH / CHART_WIDTH


def of(html: str, font: Path | None = None) -> bytes:
    """The PDF of what `page.page` made. `font`: another TrueType file than ours. Raises ConfigurationError.

    Takes some tenths of a second, and one for each thousand rows or so; blocks.
    """
    tree = ET.fromstring(_NO_XML.sub("\ufffd", html.removeprefix(_DOCTYPE)))
    sheet = Sheet(tree.findtext("head/title", ""), face(font or FONT))
    for element in tree.iterfind("body/*"):
        _draw(sheet, element)
    return sheet.bytes()


def _draw(sheet: Sheet, element: ET.Element) -> None:
    text = "".join(element.itertext())
    if element.tag in _SIZES:
        sheet.heading(text, _SIZES[element.tag], min(1, [*_SIZES].index(element.tag)))
    elif element.tag == "p":
        is_note = element.get("class") == "note"
        sheet.paragraph(text, _NOTE if is_note else _TEXT, above=3, is_note=is_note)
    elif element.tag == "table":
        titles, *rows = ([_cell(each) for each in row] for row in element.iter("tr"))
        sheet.table([cell._replace(is_number=_is_right(rows, place)) for place, cell in enumerate(titles)], rows)
    elif element.tag == "svg":
        _chart(sheet, element)
    elif element.tag == "ul":
        _legend(sheet, element)
    else:
        raise ValueError(f"a report has no <{element.tag}>")


def _cell(element: ET.Element) -> Cell:
    return Cell("".join(element.itertext()), element.get("class") == "n")


def _is_right(rows: list[list[Cell]], place: int) -> bool:
    """Whether a column's title stands at the right, as its numbers do."""
    return bool(rows) and rows[0][place].is_number


def _chart(sheet: Sheet, svg: ET.Element) -> None:
    sheet.take(HEIGHT * _SCALE + 6)
    for shape in svg:
        _shape(sheet, shape)


def _shape(sheet: Sheet, shape: ET.Element) -> None:
    """One of the few shapes that charts are made of; SVG counts from the top, PDF from the bottom."""
    canvas, bottom = sheet.canvas, sheet.y

    def at(x: str, y: str) -> tuple[float, float]:
        return MARGIN + float(x) * _SCALE, bottom + (HEIGHT - float(y)) * _SCALE

    given = shape.attrib
    canvas.setFillColor(HexColor(given.get("fill", "none") if given.get("fill", "none") != "none" else INK))
    canvas.setStrokeColor(HexColor(given.get("stroke", INK)))
    canvas.setLineWidth(float(given.get("stroke-width", 1)) * _SCALE)
    if shape.tag == "line":
        canvas.line(*at(given["x1"], given["y1"]), *at(given["x2"], given["y2"]))
    elif shape.tag == "polyline":
        path = canvas.beginPath()
        first, *others = (at(*point.split(",")) for point in given["points"].split())
        path.moveTo(*first)
        for point in others:
            path.lineTo(*point)
        canvas.drawPath(path)
    elif shape.tag == "circle":
        canvas.circle(*at(given["cx"], given["cy"]), float(given["r"]) * _SCALE, stroke=0, fill=1)
    elif shape.tag == "rect":
        x, top = at(given["x"], given["y"])
        height = float(given["height"]) * _SCALE
        canvas.rect(x, top - height, float(given["width"]) * _SCALE, height, stroke=0, fill=1)
    elif shape.tag == "text":
        write = {"start": canvas.drawString, "middle": canvas.drawCentredString, "end": canvas.drawRightString}
        canvas.setFont(sheet.font.name, 11 * _SCALE)
        write[given["text-anchor"]](*at(given["x"], given["y"]), sheet.font.plain(shape.text or ""))
    else:
        raise ValueError(f"a chart has no <{shape.tag}>")


def _legend(sheet: Sheet, names: ET.Element) -> None:
    """A square in its colour and a name for each line, as many side by side as there is room for."""
    x = MARGIN
    sheet.take(_NOTE * 1.5)
    for item in names:
        (square,) = item.findall("span")
        (line, *_) = sheet.font.wrapped("".join(item.itertext()), _NOTE, WIDTH - 12)
        width = sheet.font.width(line, _NOTE) + 24
        if x > MARGIN and x + width > MARGIN + WIDTH:
            sheet.take(_NOTE * 1.5)
            x = MARGIN
        sheet.canvas.setFillColor(HexColor(square.get("style", "").removeprefix("background:")))
        sheet.canvas.rect(x, sheet.y, 6, 6, stroke=0, fill=1)
        sheet.write(x + 9, line, _NOTE)
        x += width
    sheet.take(4)
