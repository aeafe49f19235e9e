"""The figures on the pages are those of the checked-in results."""

from pathlib import Path

import pytest

from bench import readme
from bench.peers import picture


@pytest.mark.parametrize("page", readme.PAGES, ids=lambda page: page.name)
def test_figures_are_those_of_the_results(page: Path) -> None:
    text = page.read_text()
    assert readme.PAGES[page](text) == text, f"{page.name} is out of date; run `make bench ARGS=readme`"


def test_the_picture_of_the_race_is_that_of_the_result() -> None:
    assert picture.IMAGE.read_text() == readme.race_picture(), "run `make bench ARGS=readme`"
