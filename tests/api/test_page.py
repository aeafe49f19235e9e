"""The dashboard in a real browser: the numbers of REST, silence told, phones, keyboards, readers, both schemes.

With SCREENSHOTS set, the pictures of docs/images are taken again.
"""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
from fastapi import FastAPI

from api.app import STATIC
from streams.settings import Settings
from tests.support.browser import SIDEWAYS, Page, contrast
from tests.support.live import Published, rides, served, ticketing

pytestmark = pytest.mark.xdist_group("page")  # one browser for all
OWN = sorted(path for path in STATIC.rglob("*") if path.is_file() and "vendor" not in path.parts)
STATE = "document.getElementById('state').dataset.state"
BANNER = "document.getElementById('banner').textContent"
SEEN = """(box => [[box.left, box.top], [box.right, box.top], [box.left, box.bottom], [box.right, box.bottom]]
    .map(([x, y]) => document.elementFromPoint(x + (x > 9 ? -3 : 3), y + (y > box.top ? -3 : 3))?.id === 'banner')
)(document.getElementById('banner').getBoundingClientRect())"""
"""Whether each corner of the banner is seen, whatever else there is."""


@pytest.fixture
def settings(published: Published, redis_url: str) -> Settings:
    """Settings of a web process over two shards with an hour of events."""
    now = time.time()
    events = [*rides(1500, now), *ticketing(2500, now)]
    for shard in (0, 1):
        published.events(shard, events[shard::2])
    return Settings(redis_url=redis_url, kafka_group=published.group, live_interval_seconds=0.5)


@pytest.fixture
def web(settings: Settings) -> Iterator[tuple[str, FastAPI]]:
    """The web process."""
    with served(settings) as found:
        yield found


class Voice:
    """What both shards go on saying."""

    def __init__(self, published: Published) -> None:
        self.ages: tuple[float, ...] = (0, 0)
        """Seconds since each was heard of."""
        self._published = published

    def speak(self) -> None:
        """Say it once."""
        rows = {"rides": 61_204, "ticketing": 48_377}
        dead = {"invalid": 37, "malformed": 12, "wrong_topic": 5}
        for shard, age in enumerate(self.ages):
            shared: dict[str, Any] = {"rows": rows, "dead": dead, "late": 3 * shard, "seq": 812 + shard}
            shared |= {"sessions": {"ticketing.sessions": 400 + 7 * shard}}
            fresh: dict[str, Any] = {"lag": 140 + 60 * shard, "freshness_p95": 0.58 + time.time() % 7 / 50}
            self._published.status(shard, age=age, worker="http://127.0.0.1:9097", **shared, **fresh)


@pytest.fixture(autouse=True)
async def voice(published: Published) -> AsyncIterator[Voice]:
    """Both shards, speaking all the time."""
    found = Voice(published)

    async def go_on() -> None:
        while True:
            found.speak()
            await asyncio.sleep(0.5)

    task = asyncio.create_task(go_on())
    yield found
    task.cancel()


async def shoot(page: Page, name: str, section: str = "") -> None:
    """Take a picture, if pictures are wanted."""
    await page.shoot(f"dashboard-{name}", section)


async def settled(page: Page, state: str = "live") -> None:
    """Wait until the page shows this state, and numbers."""
    await page.until(
        f"the state {state}", f"{STATE} === {state!r} && document.querySelector('[data-path]').dataset.value"
    )


async def test_numbers_are_those_of_rest(page: Page, web: tuple[str, FastAPI]) -> None:
    url, app = web
    app.state.numbers.live.cache_seconds = 60  # both look at the same moment
    await page.open(url, height=1000)
    await settled(page)
    async with aiohttp.ClientSession(url) as http, http.get("/v1/metrics/realtime") as answer:
        rest = await answer.json()
    shown = json.loads(
        await page.ask(
            "JSON.stringify([...document.querySelectorAll('[data-path]')].map(e => [e.dataset.path, e.dataset.value]))"
        )
    )
    assert {path.split(".")[1] for path, _ in shown} == {"rides", "ticketing"}
    assert len(shown) == 13
    for path, text in shown:
        value: Any = rest
        for part in path.split("."):
            value = value[part]
        assert json.loads(text) == value, path
        assert value
    funnel = await page.ask("[...document.querySelectorAll('#funnel [data-value]')].map(e => Number(e.dataset.value))")
    assert funnel == [
        rest["domains"]["ticketing"]["funnel"][step] for step in ("page", "event", "select", "checkout", "purchase")
    ]
    await page.until("the map", "document.querySelectorAll('#cells path').length > 50")
    assert "bookings" in await page.ask("document.getElementById('summary').textContent")
    assert await page.ask("document.querySelector('#ticketing-tiles .figure').textContent") == "807"
    span = "(x => x.max - x.min)(window.millrace.sections[0].freshness.u.scales.x)"
    assert await page.ask(span) >= 60  # of one value alone there would be no axis of time
    await shoot(page, "rides", "rides")
    await shoot(page, "ticketing", "ticketing")
    assert page.errors == []


async def test_a_silent_shard_and_a_stalled_pipeline_are_announced(
    page: Page, web: tuple[str, FastAPI], voice: Voice
) -> None:
    voice.ages = (0, 20)
    await page.open(web[0])
    await settled(page, "partial")
    assert "shard 1 (silent for 20 s)" in await page.ask(BANNER)
    assert await page.ask("document.querySelectorAll('#shards [data-mark=stale]').length") == 1
    voice.ages = (90, 100)
    await page.until("the stalled pipeline", f"{STATE} === 'stalled'")
    assert "The pipeline has stalled" in await page.ask(BANNER)
    assert await page.ask("document.getElementById('banner').getAttribute('role')") == "alert"
    await shoot(page, "stalled")


@pytest.mark.long
async def test_a_lost_server_is_announced_and_found_again(page: Page, settings: Settings) -> None:
    with served(settings) as (url, _):
        await page.open(url)
        await settled(page)
    await page.until("the stall to be told", f"{STATE} === 'stalled' && {BANNER}.includes('The stream has stalled')")
    with served(settings, urlsplit(url).port):
        await page.until("the page to connect again", f"{STATE} === 'live' && {BANNER} === ''", 40)


async def test_redis_away_is_announced(page: Page) -> None:
    with served(Settings(redis_url="redis://127.0.0.1:1/0")) as (url, _):
        await page.open(url)
        await page.until("the outage to be told", f"{STATE} === 'away' && {BANNER}.includes('Redis does not answer')")


@pytest.mark.long
async def test_a_phone_scrolls_down_only(page: Page, web: tuple[str, FastAPI], voice: Voice) -> None:
    await page.open(web[0], width=360, height=780)
    await page.until("numbers", "document.querySelector('[data-path]')?.dataset.value")
    await page.ask("document.querySelectorAll('details').forEach(each => { each.open = true; })")
    await page.until("tables", "document.querySelectorAll('details table').length > 8")
    assert await page.ask(SIDEWAYS) == []
    assert await page.ask("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    await page.ask("document.querySelectorAll('details').forEach(each => { each.open = false; })")
    await shoot(page, "phone")
    voice.ages = (0, 20)
    await page.until("the silence to be told", f"{BANNER}.includes('shard 1')")
    await page.ask("window.scrollTo(0, 2000)")
    assert await page.ask("window.scrollY") > 1000
    assert await page.ask(SEEN) == [True] * 4


@pytest.mark.long
async def test_a_page_enlarged_four_times_scrolls_down_only(page: Page, web: tuple[str, FastAPI]) -> None:
    """A window of 1280 pixels is one of 320 then."""
    await page.open(web[0], width=320, height=256)
    await page.until("numbers", "document.querySelector('[data-path]')?.dataset.value")
    assert await page.ask(SIDEWAYS) == []
    assert await page.ask("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


@pytest.mark.long
async def test_the_keyboard_reaches_everything(page: Page, web: tuple[str, FastAPI]) -> None:
    await page.open(web[0])
    await settled(page)
    reached: list[str] = []
    while "BODY" not in reached:
        await page.press("Tab")
        reached.append(
            await page.ask(
                "(e => e.id || e.name || e.className || e.getAttribute('href') || e.tagName)(document.activeElement)"
            )
        )
        if reached[-1] == "pause":
            outline = await page.ask("getComputedStyle(document.activeElement).outlineStyle")
            assert outline == "solid"
            await page.press("Enter")
            said = "document.getElementById('pause').textContent === 'Resume'"
            await page.until("the pause", f"{said} && {STATE} === 'paused'")
    assert reached[:5] == ["skip", "#rides", "#ticketing", "#pipeline", "/explore"]
    assert reached[5:7] == ["range", "pause"]
    assert reached.count("SUMMARY") >= 8
    named = """[...document.querySelectorAll('section')].every(e =>
        e.getAttribute('aria-label') || document.getElementById(e.getAttribute('aria-labelledby')).textContent)"""
    assert await page.ask(named)
    assert await page.ask("[...document.querySelectorAll('[role=img]')].every(e => e.getAttribute('aria-label'))")
    landmarks = "['header', 'nav', 'main', 'footer'].every(name => document.querySelector(name))"
    assert await page.ask(landmarks)


@pytest.mark.long
@pytest.mark.parametrize("dark", [False, True])
async def test_text_stands_out_in_both_schemes(page: Page, web: tuple[str, FastAPI], dark: bool) -> None:
    await page.open(web[0], height=1000, dark=dark)
    await settled(page)
    names = [
        "--ink",
        "--soft",
        "--accent",
        "--good",
        "--warn",
        "--bad",
        "--card",
        "--ground",
        "--warn-ground",
        "--bad-ground",
    ]
    style = "getComputedStyle(document.documentElement)"
    colours = dict(
        zip(
            names,
            await page.ask(f"{json.dumps(names)}.map(each => {style}.getPropertyValue(each).trim())"),
            strict=True,
        )
    )
    grounds: dict[str, tuple[str, ...]] = dict.fromkeys(names[:6], ("--card", "--ground"))
    grounds |= {"--ink": ("--card", "--ground", "--warn-ground", "--bad-ground"), "--warn": ("--warn-ground",)}
    for text, behind in grounds.items():
        for ground in behind:
            assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
    if dark:
        await page.until("the map", "document.querySelectorAll('#cells path').length > 50")
        await shoot(page, "dark")


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.relative_to(STATIC).as_posix())
def test_files_of_the_page_are_short_and_load_nothing_from_elsewhere(path: Path) -> None:
    text = path.read_text()
    assert text.count("\n") < 500
    elsewhere = re.findall(r"""(?:src|href|import|from|url\()\s*=?\s*["'(]?https?://[^"')\s]+""", text)
    assert elsewhere == []
    if path.suffix in (".js", ".css"):
        assert text.startswith(("//", "/*")), "a file says first what it is for"
