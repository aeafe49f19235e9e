"""The audit log: lines that only ever come to it, before the act or with it, and their outcome."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr

from metadata.audit import Action, Audit, Entry, Outcome, Wanted
from metadata.copies import copy_in, copy_out
from metadata.keys import Keys, Scope
from metadata.keys import Wanted as WantedKey
from metadata.schedule.jobs import Change
from metadata.session import connect
from streams.errors import MetadataUnavailable
from streams.settings import Settings
from tests.support.clock import Clock
from tests.support.live import cut_off
from tests.support.metadata import fresh_database
from tests.support.scheduling import Chores, whole

EXPORT = Entry("key:1", Action.EXPORT, "booking_events", {"columns": ["fare"]})


@pytest.fixture
def settings(metadata_url: str) -> Settings:
    return Settings(database_url=SecretStr(metadata_url))


@pytest.fixture
async def audit(settings: Settings) -> AsyncIterator[Audit]:
    engine = connect(settings)
    yield Audit(engine, settings)
    await engine.dispose()


async def test_an_act_is_there_before_it_is_done(audit: Audit) -> None:
    async with audit.act(EXPORT) as act:
        (during,) = await audit.list(Wanted())
        act.figures["rows"] = 7
    (after,) = await audit.list(Wanted())

    assert (during.outcome, during.ended_at, during.figures) == ("begun", None, {})
    assert (after.actor, after.action, after.subject) == ("key:1", "export", "booking_events")
    assert (after.parameters, after.outcome, after.figures) == ({"columns": ["fare"]}, "done", {"rows": 7})
    assert after.ended_at
    assert after.at <= after.ended_at


async def test_a_failure_says_why_and_only_the_first_end_counts(audit: Audit) -> None:
    with pytest.raises(ValueError, match="no room"):
        async with audit.act(EXPORT) as act:
            raise ValueError("no room")
    await asyncio.gather(*(audit.end(act.record, Outcome.DONE) for _ in range(4)))

    (found,) = await audit.list(Wanted())
    assert (found.outcome, found.figures) == ("failed", {"reason": "no room"})


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_log SET actor = 'nobody'",
        "DELETE FROM audit_log",
        "TRUNCATE audit_log",
        "TRUNCATE audit_log CASCADE",
        "INSERT INTO audit_log (actor, action, subject, parameters, outcome) VALUES ('a', 'b', 'c', '{}', 'maybe')",
        "INSERT INTO audit_log (actor, action, subject, parameters, outcome, began) VALUES ('', '', '', '{}', '', 9)",
    ],
)
async def test_the_owner_himself_can_only_add(statement: str, audit: Audit, metadata_url: str) -> None:
    await audit.note(EXPORT)
    with psycopg.connect(metadata_url) as connection, pytest.raises(psycopg.Error):
        connection.execute(statement)
    assert len(await audit.list(Wanted())) == 1


async def test_acts_are_found_by_time_action_and_actor(audit: Audit) -> None:
    for actor, action in (("key:1", Action.EXPORT), ("key:12", Action.ERASE), ("me@here", Action.EXPORT)):
        await audit.note(Entry(actor, action, "x"))
    newest = (await audit.list(Wanted(limit=1)))[0]

    async def actors(wanted: Wanted) -> list[str]:
        return [each.actor for each in await audit.list(wanted)]

    assert newest.actor == "me@here"
    assert await actors(Wanted(actions=("export",))) == ["me@here", "key:1"]
    assert await actors(Wanted(actor="key:1")) == ["key:12", "key:1"]
    assert await actors(Wanted(end=newest.at)) == ["key:12", "key:1"]
    assert await actors(Wanted(begin=newest.at)) == ["me@here"]


async def test_keys_are_recorded_without_their_secret(audit: Audit, settings: Settings) -> None:
    keys = Keys(audit._engine, settings)
    key, text = await keys.create(WantedKey("shop", [Scope.METRICS_READ], ["rides"]), "me@here")
    await keys.revoke(key.id, "you@here")
    await keys.revoke("0" * 16, "you@here")

    revoked, made = await audit.list(Wanted())
    assert (made.actor, made.action, made.subject, made.outcome) == ("me@here", "key.make", key.id, "done")
    assert made.parameters["scopes"] == ["metrics:read"]
    assert (revoked.actor, revoked.action, revoked.subject) == ("you@here", "key.revoke", key.id)
    assert text.rpartition("_")[2] not in str(made)


async def test_every_attempt_of_a_run_is_recorded(audit: Audit, chores: Chores, clock: Clock) -> None:
    scheduler = chores.scheduler(chores.job("fail", attempts=2, backoff_seconds=0))
    await scheduler.step()
    await scheduler.runs.ask("chore", "me@here", clock.now)
    await whole(scheduler)
    await whole(scheduler)
    clock.now += timedelta(hours=1)
    await whole(scheduler)
    await scheduler.jobs.change("chore", Change(enabled=False), "me@here", clock.now)

    found = [
        (each.actor, each.action, each.outcome, each.parameters.get("attempt")) for each in await audit.list(Wanted())
    ]
    assert found == [
        ("me@here", "job.change", "done", None),
        ("scheduler", "job.run", "failed", 1),
        ("me@here", "job.run", "failed", 2),
        ("me@here", "job.run", "failed", 1),
    ]


async def test_nothing_is_done_that_cannot_be_recorded(metadata_url: str) -> None:
    with cut_off(metadata_url) as (url, proxy):
        settings = Settings(database_url=SecretStr(url))
        engine = connect(settings)
        audit = Audit(engine, settings)
        proxy.refuse()
        with pytest.raises(MetadataUnavailable):
            async with audit.act(EXPORT):
                pytest.fail("it was done")
        proxy.accept()
        async with audit.act(EXPORT):
            proxy.refuse()
        proxy.accept()
        (found,) = await audit.list(Wanted())
        assert found.outcome == "begun"
        await engine.dispose()


async def test_a_backup_brings_the_log_back_and_it_goes_on(
    audit: Audit, settings: Settings, stack_settings: Settings, tmp_path: Path
) -> None:
    async with audit.act(EXPORT) as act:
        act.figures["rows"] = 7
    before = await audit.list(Wanted())
    revision, tables = await asyncio.to_thread(copy_out, settings, tmp_path / "copy")

    with fresh_database(stack_settings) as url:
        other = Settings(database_url=SecretStr(url))
        await asyncio.to_thread(copy_in, other, revision, tables, False)
        await asyncio.to_thread(copy_in, other, revision, tables, True)
        engine = connect(other)
        restored = Audit(engine, other)
        assert await restored.list(Wanted()) == before
        await restored.note(EXPORT)
        assert len(await restored.list(Wanted())) == 2
        await engine.dispose()
        with psycopg.connect(url) as connection, pytest.raises(psycopg.Error, match="append-only"):
            connection.execute("DELETE FROM audit_log")
