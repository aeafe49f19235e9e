"""A cursor fits its question alone, and leads no further than pages go; whoever makes one up is told."""

from typing import Any

import pytest

from api.metrics import cursor
from clickhouse.metrics import catalogue
from clickhouse.metrics.question import MOST_OFFSET, Question, ask
from streams.errors import QueryRefused


def asked(**words: Any) -> Question:
    return ask(catalogue.BY_NAME["rides.refunds"], begin="2026-05-01", end="2026-05-02", **words)


def test_a_cursor_leads_to_its_place() -> None:
    assert cursor.read(cursor.write(asked(), 1_000), asked()) == 1_000


@pytest.mark.parametrize("words", [{"by": ["method"]}, {"where": ["method:card"]}, {"limit": 5}, {"zone": "UTC"}])
def test_a_cursor_of_another_question_is_refused(words: dict[str, Any]) -> None:
    with pytest.raises(QueryRefused, match="another question"):
        cursor.read(cursor.write(asked(), 1_000), asked(**words))


@pytest.mark.parametrize("offset", [-1, MOST_OFFSET + 1, 2**40])
def test_a_place_that_no_page_has_is_refused(offset: int) -> None:
    with pytest.raises(QueryRefused, match="another question"):
        cursor.read(cursor.write(asked(), offset), asked())
