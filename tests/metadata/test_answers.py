"""The last answers: written over each other, never by older ones, bounded in age and bytes."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from metadata.answers import Answers, Kept
from metadata.session import connect
from streams.settings import Settings

AT = datetime(2030, 5, 20, 12, tzinfo=UTC)
EARLY = AT - timedelta(days=1000)


@pytest.fixture
async def answers(metadata_url: str) -> AsyncIterator[Answers]:
    settings = Settings(database_url=SecretStr(metadata_url))
    engine = connect(settings)
    yield Answers(engine, settings)
    await engine.dispose()


def kept(key: str, minutes: int, content: bytes = b"{}") -> Kept:
    """An answer made so many minutes after `AT`."""
    return Kept(key, content, AT + timedelta(minutes=minutes))


async def test_the_newest_answer_to_a_question_is_kept(answers: Answers) -> None:
    await answers.put([kept("b", 2, b"new"), kept("a", 1, b"other")])
    await answers.put([kept("b", 1, b"late"), kept("a", 3, b"newer")])

    assert await answers.find("b", EARLY) == kept("b", 2, b"new")
    assert await answers.find("a", EARLY) == kept("a", 3, b"newer")
    assert await answers.find("a", AT + timedelta(minutes=4)) is None
    assert await answers.find("c", EARLY) is None


async def test_old_ones_go_first(answers: Answers) -> None:
    await answers.put([kept(str(minutes), minutes, b"x" * 100) for minutes in range(10)])

    assert await answers.trim(AT + timedelta(minutes=2), 10_000) == 2
    assert await answers.trim(EARLY, 350) == 5
    left = [minutes for minutes in range(10) if await answers.find(str(minutes), EARLY)]
    assert left == [7, 8, 9]
    assert await answers.clear() == 3
