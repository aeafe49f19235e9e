"""Makings of reports in PostgreSQL: makers of exports let them alone, and those that were killed are told."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from metadata.audit import Action, Entry
from metadata.exports import Exports
from metadata.reports import GONE, LONGEST, Reports, Wanted
from metadata.schedule.declared import jobs as declared
from metadata.schedule.jobs import Jobs
from metadata.schedule.runs import Runs
from metadata.session import connect
from streams.settings import Settings

BY = "somebody"
WEEKLY = Wanted("weekly", "The week", {"sections": []}, "html", {}, "", "UTC")


@pytest.fixture
def settings(metadata_url: str) -> Settings:
    """Settings of a fresh database."""
    return Settings(database_url=SecretStr(metadata_url))


@pytest.fixture
async def engine(settings: Settings) -> AsyncIterator[AsyncEngine]:
    """Connections to it."""
    made = connect(settings)
    yield made
    await made.dispose()


async def states(reports: Reports) -> dict[int, tuple[str, str | None]]:
    """State and reason of each making, by number."""
    return {each.id: (each.state, each.error) for each in await reports.executions(await reports.find("weekly"), 10)}


async def test_a_maker_of_exports_lets_a_report_that_is_being_made_alone(
    engine: AsyncEngine, settings: Settings
) -> None:
    now = datetime.now(UTC)
    reports, exports = Reports(engine, settings), Exports(engine, settings)
    await Jobs(engine, settings).add(declared(settings), now)
    await reports.put(WEEKLY, BY, now)
    number = await reports.begin(await reports.find("weekly"), BY, now)
    await exports.order({"table": "ticket_sales"}, Entry(BY, Action.EXPORT, "ticket_sales", {}), now)
    assert await exports.take(now) is not None

    await exports.take_back(now)

    assert await states(reports) == {number: ("running", None)}
    assert await exports.take(now) is not None  # the export is another matter: its maker is gone
    await reports.end(number, now, file="weekly.html", size=7, error=None)
    assert await states(reports) == {number: ("done", None)}


async def test_a_making_that_was_killed_is_told_when_the_next_begins(engine: AsyncEngine, settings: Settings) -> None:
    now = datetime.now(UTC)
    reports = Reports(engine, settings)
    await reports.put(WEEKLY, BY, now)
    weekly = await reports.find("weekly")
    killed, alive, over = [await reports.begin(weekly, BY, now) for _ in range(3)]
    await reports.end(over, now, file="weekly.html", size=7, error=None)
    await _age(engine, killed, LONGEST + timedelta(minutes=1))
    await _age(engine, over, LONGEST + timedelta(minutes=1))
    await _age(engine, alive, LONGEST - timedelta(minutes=1))

    following = await reports.begin(weekly, BY, now)

    assert await states(reports) == {
        killed: ("failed", GONE),
        alive: ("running", None),
        over: ("done", None),
        following: ("running", None),
    }
    await reports.end(killed, now, file="weekly.html", size=7, error=None)
    assert (await states(reports))[killed] == ("failed", GONE)


async def _age(engine: AsyncEngine, number: int, age: timedelta) -> None:
    """As if it had begun so long ago."""
    async with engine.begin() as connection:
        older = text("UPDATE report_executions SET created_at = now() - :age WHERE id = :number")
        await connection.execute(older, {"age": age, "number": number})


async def test_a_reason_of_whatever_text_is_kept(engine: AsyncEngine, settings: Settings) -> None:
    now = datetime.now(UTC)
    reports = Reports(engine, settings)
    await reports.put(WEEKLY, BY, now)
    number = await reports.begin(await reports.find("weekly"), BY, now)

    await reports.end(number, now, file=None, size=None, error="550 a\0b \ud800")

    assert await states(reports) == {number: ("failed", "550 a\ufffdb ?")}


async def test_an_export_whose_file_can_be_fetched_is_not_cleaned_away(engine: AsyncEngine, settings: Settings) -> None:
    now = datetime.now(UTC)
    exports, runs = Exports(engine, settings), Runs(engine, settings)
    await Jobs(engine, settings).add(declared(settings), now)
    numbers = []
    for days in (-1, 1):
        numbers.append(await exports.order({}, Entry(BY, Action.EXPORT, "ticket_sales", {}), now))
        taken = await exports.take(now)
        assert taken is not None
        assert await exports.done(taken, "export-1.csv", 1, 1, now, now + timedelta(days=days))

    assert await runs.clean(now + timedelta(hours=1)) == (0, 1)

    assert [await exports.find(number, BY) is not None for number in numbers] == [False, True]
