"""The worker's pages of its windows, as a browser and a program get them: one by name, key and time, and no markup."""

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import faust
import pytest
from aiohttp.test_utils import TestClient, TestServer

from agents import window_pages
from agents.pages import STYLE
from agents.shard import State
from agents.shards import Shards
from agents.window_pages import as_table, lines
from streams.settings import Settings
from tables.wire import answers
from tests.support.feed import pipeline, produce, state_of
from tests.support.waiting import eventually
from tests.support.wire import event

HOSTILE = '<b>O\'Zone & "Co"</b>'
ESCAPED = "&lt;b&gt;O&#x27;Zone &amp; &quot;Co&quot;&lt;/b&gt;"
ZONES = (HOSTILE, "Astoria", "Astoria Park", "SoHo")
NAME = "rides.bookings.by_zone.5m"


@pytest.fixture(name="windows")
def with_windows() -> bool:
    """They are what this is about."""
    return True


@asynccontextmanager
async def pages(home: Path, shards: Shards | None) -> AsyncIterator[TestClient[Any, Any]]:
    """A browser before the pages on Faust's own web server."""
    app = faust.App("test-pages", datadir=str(home))
    window_pages.register(app, lambda: shards, STYLE)
    async with TestClient(TestServer(app.web.web_app)) as made:
        yield made


def bookings() -> Iterator[tuple[str, int, bytes]]:
    """One of each zone now, and one of SoHo half an hour ago."""
    for number, zone in enumerate((*ZONES, "SoHo")):
        topic, value = event("booking.created", number, ago=1800 if number == len(ZONES) else 0, pickup={"zone": zone})
        yield topic, 0, value


async def test_the_pages_of_a_worker(ready: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with pipeline(ready, [0]) as worker, pages(tmp_path, worker.running.shards) as browser:
        await state_of(worker, State.RUNNING)
        await produce(ready, bookings())
        shards = worker.running.shards

        async def counted() -> bool:
            return len(lines(shards, NAME, "", 0)) == len(ZONES) + 1

        await eventually("all bookings are counted", counted)

        async def text(path: str, status: int = 200) -> str:
            async with browser.get(path) as answer:
                assert answer.status == status
                return await answer.text()

        async def told(path: str) -> list[str]:
            async with browser.get(f"{path}&format=json") as answer:
                assert answer.content_type == "application/json"
                return sorted(line["key"][0] for line in await answer.json())

        made = 0

        def counting(*given: Any) -> Any:
            nonlocal made
            made += 1
            return answers(*given)

        with monkeypatch.context() as patched:  # of a million lines only those that are shown are made
            patched.setattr(window_pages, "answers", counting)
            assert [line["key"][0] for line in lines(shards, NAME, "", 0, limit=2)] == ["SoHo", "Astoria Park"]
        assert made == 2

        listed = await text("/windows")
        assert f"<a href='/windows?name={NAME}'>{NAME}</a>" in listed
        one = await text(f"/windows?name={NAME}")
        assert (one.count(ESCAPED), HOSTILE in one) == (1, False)
        assert f"<title>Millrace {NAME}</title>" in one
        assert one.count("<tr>") == 1 + len(ZONES) + 1
        assert "created 1, confirmed 0" in one

        assert await told(f"/windows?name={NAME}") == sorted((*ZONES, "SoHo"))
        assert await told(f"/windows?name={NAME}&key=Astoria") == ["Astoria", "Astoria Park"]
        assert await told(f"/windows?name={NAME}&key=Astoria+") == ["Astoria Park"]
        assert await told(f"/windows?name={NAME}&key=nowhere") == []
        assert await told(f"/windows?name={NAME}&key=SoHo") == ["SoHo", "SoHo"]
        recent = int(time.time()) - 900
        assert await told(f"/windows?name={NAME}&key=SoHo&since={recent}") == ["SoHo"]

        for since in ("bad", "-1", "1.5", "²"):
            assert "give whole seconds since 1970" in await text(f"/windows?name={NAME}&since={since}", 400)
        assert "no window 'rides.booking'; there are rides.active.1m" in await text("/windows?name=rides.booking", 404)
        marks = await text("/watermarks")
        assert "<td>rides.booking<td>" in marks


async def test_the_pages_of_a_worker_without_shards_say_so(tmp_path: Path) -> None:
    async with pages(tmp_path, None) as browser:
        for path in ("/windows", "/watermarks", f"/windows?name={NAME}"):
            async with browser.get(path) as answer:
                assert (answer.status, "Nothing yet." in await answer.text()) == (200, True)


def test_nothing_that_events_say_becomes_markup() -> None:
    line = {
        HOSTILE: HOSTILE,
        "window": HOSTILE,
        "list": [HOSTILE],
        "values": {HOSTILE: HOSTILE, "part": {"p": HOSTILE}},
    }
    page = as_table(HOSTILE, [line], {HOSTILE: f"/?'{HOSTILE}"}, "")
    assert HOSTILE not in page
    assert "<b>" not in page
    assert "href='/?'" not in page
    assert page.count(ESCAPED) >= 8


def test_numbers_are_shown_as_people_read_them() -> None:
    line: dict[str, Any] = {"start": None, "values": {"rate": 1234.567, "none": None, "by": {"USD": 2}, "empty": {}}}
    assert "<td>-<td>rate 1,234.57, none -, by USD 2, empty -" in as_table("t", [line], {}, "")
