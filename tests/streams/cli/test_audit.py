"""`millrace audit`, and what commands do that act although the log cannot be written."""

import asyncio
from pathlib import Path

import pytest

from metadata.audit import Action
from streams.cli.terminal.recorded import recorded
from streams.settings import load
from tests.support.invoked import answer, call
from tests.support.live import cut_off
from tests.support.proxy import ProxyThread

NOWHERE = "postgresql://me:secret@127.0.0.1:1/db"


@pytest.fixture(autouse=True)
def place(metadata_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MILLRACE_HOME", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", metadata_url)


def erase() -> None:
    """An act that must go on."""

    async def run() -> None:
        async with recorded(load(), Action.ERASE, "pseudonym", {"domain": "rides"}) as act:
            act.figures["rows"] = 3

    asyncio.run(run())


def test_acts_of_commands_are_listed() -> None:
    call("keys", "create", "shop")
    call("jobs", "disable", "clean")
    erase()

    erased, changed, made = answer("audit", "list")
    assert [each["action"] for each in (erased, changed, made)] == ["erase", "job.change", "key.make"]
    assert "@" in made["actor"]
    assert (erased["subject"], erased["outcome"], erased["figures"]) == ("pseudonym", "done", {"rows": 3})
    assert [each["action"] for each in answer("audit", "list", "--action", "key.make", "--from", "1h")] == ["key.make"]
    assert answer("audit", "list", "--actor", "key:") == []
    assert answer("audit", "list", "--to", "1h") == []
    shown = call("audit", "list").output
    assert "rows 3" in shown
    assert "domain rides" in shown


@pytest.mark.parametrize("url", ["", NOWHERE])
def test_what_must_go_on_says_that_it_was_not_recorded(
    url: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", url)
    erase()

    told = capfd.readouterr().err
    assert "NOT RECORDED in the audit log" in told
    assert '"subject":"pseudonym"' in told
    assert "secret" not in told


def test_what_was_recorded_late_says_so(metadata_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def run(proxy: ProxyThread) -> None:
        proxy.refuse()
        async with recorded(load(), Action.REPLAY, "dead letters", {}):
            proxy.accept()

    with cut_off(metadata_url) as (url, proxy):
        monkeypatch.setenv("DATABASE_URL", url)
        asyncio.run(run(proxy))
    monkeypatch.setenv("DATABASE_URL", metadata_url)
    (found,) = answer("audit", "list")
    assert (found["outcome"], found["parameters"]) == ("done", {"recorded": "late"})
