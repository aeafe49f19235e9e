"""The figures on the pages are those of the checked-in results."""

from pathlib import Path

import pytest

from bench import readme


@pytest.mark.parametrize("page", readme.PAGES, ids=lambda page: page.name)
def test_figures_are_those_of_the_results(page: Path) -> None:
    text = page.read_text()
    assert readme.PAGES[page](text) == text, f"{page.name} is out of date; run `make bench ARGS=readme`"
