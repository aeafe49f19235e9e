"""PDF files read and seen by other hands than wrote them."""

from typing import Final

import pypdfium2

NEAR: Final = 100
"""Sum of the differences in red, green and blue."""


def pages_of(body: bytes) -> list[str]:
    """The text of each page."""
    with pypdfium2.PdfDocument(body) as document:
        return [page.get_textpage().get_text_bounded() for page in document]


def text_of(body: bytes) -> str:
    """All of its text."""
    return "\n".join(pages_of(body))


def pixels_like(body: bytes, colour: str, number: int = 0) -> int:
    """How much of a page, as a reader shows it, has a colour such as #1f6feb, or nearly, as the edge of a line has."""
    wanted = bytes.fromhex(colour.removeprefix("#"))
    with pypdfium2.PdfDocument(body) as document:
        picture = document[number].render(scale=2).to_pil().convert("RGB")
    counted = picture.getcolors(picture.width * picture.height) or []
    return sum(count for count, found in counted if sum(abs(a - b) for a, b in zip(found, wanted, strict=True)) < NEAR)


def outline_of(body: bytes) -> list[tuple[int, str]]:
    """Level and title of each line of its outline."""
    with pypdfium2.PdfDocument(body) as document:
        return [(each.level, each.get_title()) for each in document.get_toc()]
