"""The explorer in a real browser: the numbers of REST, links, refusals, journeys, phones, keyboards, both schemes.

With SCREENSHOTS set, the pictures of docs/images are taken again.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import aiohttp
import openpyxl
import pytest

from tests.support.browser import SIDEWAYS, Page, contrast
from tests.support.explored import MARKUP, Explored
from tests.support.metric_client import Asking
from tests.support.waiting import until

pytestmark = pytest.mark.xdist_group("page")  # one browser for all
BUSY = "document.getElementById('answer').getAttribute('aria-busy')"
VALUES = "[...document.querySelectorAll('#numbers [data-value]')].map(e => e.dataset.value)"
PROBLEM = "document.getElementById('problem').textContent"
REVENUE: dict[str, Any] = {
    "metric": "rides.net_revenue",
    "granularity": "hour",
    "zone": "America/New_York",
    "by": "method",
    "compare": "previous",
}
FUNNEL: dict[str, Any] = {
    "domain": "ticketing",
    "steps": ["event.viewed", "checkout.started", "ticket.purchased"],
    "window": "7d",
    "by": "device_type",
}
RETENTION: dict[str, Any] = {
    "domain": "rides",
    "of": "driver",
    "start": "trip.started",
    "back": "trip.completed",
    "kind": "recurring",
    "granularity": "day",
    "periods": "3",
}


@pytest.fixture
async def rest(explored: Explored) -> AsyncIterator[Asking]:
    """The API that the page asks."""
    async with aiohttp.ClientSession() as http:
        yield Asking(explored.url, explored.key, http)


@pytest.fixture
async def keyed(page: Page, explored: Explored) -> Page:
    """A page whose tab has the key."""
    kept = f"if (location.protocol === 'http:') sessionStorage.setItem('millrace-key', {explored.key!r})"
    await page.call("Page.enable")
    await page.call("Page.addScriptToEvaluateOnNewDocument", source=kept)
    return page


async def see(page: Page, address: str, **window: Any) -> None:
    """Open an address, and wait for its answer."""
    await page.open(address, **window)
    await answered(page)


async def answered(page: Page) -> None:
    """Wait for the answer to the question that was put last."""
    await page.until("the answer", f"{BUSY} === 'false'")


async def text_of(page: Page, name: str) -> str:
    """Text of an element by its id."""
    found = await page.ask(f"document.getElementById({name!r}).textContent")
    assert isinstance(found, str)
    return found


async def test_the_numbers_are_those_of_rest_once_a_key_is_given(page: Page, explored: Explored, rest: Asking) -> None:
    half = explored.world.begin + timedelta(hours=36)
    address = explored.address(**REVENUE | {"from": half.isoformat()})
    await page.open(address, height=1250)
    await page.until("the key to be wanted", "document.getElementById('status').textContent.includes('wants a key')")
    await page.ask(
        f"document.getElementById('key').value = {explored.key!r};document.getElementById('key-form').requestSubmit()"
    )
    await answered(page)

    (wanted,) = (await rest.metrics("payments", urlsplit(address).query))["metrics"]
    assert await page.ask(VALUES) == [str(row["value"]) for row in wanted["rows"]]
    before = await page.ask("[...document.querySelectorAll('[data-previous]')].map(e => e.dataset.previous)")
    assert any(each != "null" for each in before)
    assert before == ["null" if row["previous"] is None else row["previous"] for row in wanted["rows"]]
    currencies = sorted({row["key"]["currency"] for row in wanted["rows"]})
    assert len(currencies) > 1
    for number, currency in enumerate(currencies):
        lines = await page.ask(f"explorer.view.result.charts[{number}].data.slice(1).flat()")
        own = [float(row["value"]) for row in wanted["rows"] if row["key"]["currency"] == currency]
        assert sum(lines) == pytest.approx(sum(own)), currency
    facts = await text_of(page, "facts")
    assert all(each in facts for each in ("money", "America/New_York", "exact", "hourly_payments", "read now"))
    assert await page.ask("document.querySelector('#facts time').dateTime") == wanted["as_of"]
    assert explored.key not in await page.ask("location.href + localStorage.length")
    assert page.errors == []
    await page.shoot("explorer-metrics")


async def test_a_link_shows_the_same_view(keyed: Page, explored: Explored, rest: Asking) -> None:
    await see(keyed, explored.address(metric="ticketing.page_views", granularity="total"))
    await keyed.ask(
        """(() => {
        const change = (e) => e.dispatchEvent(new Event('change', {bubbles: true}));
        const search = document.getElementById('search');
        search.value = 'fees discounts off';
        search.dispatchEvent(new Event('input'));
        document.querySelector('.metrics label:not([hidden]) input').click();
        document.querySelector('#by input[value=payment_method]').click();
        const each = document.getElementById('granularity');
        each.value = 'hour';
        change(each);
        document.getElementById('filter-by').value = 'currency';
        document.getElementById('filter-value').value = 'U*';
        document.getElementById('zone').value = 'Asia/Kathmandu';
        change(document.getElementById('zone'));
        })()"""
    )
    await answered(keyed)
    link = await keyed.ask("location.href")
    words = parse_qsl(urlsplit(link).query)
    asked = ["granularity", "zone", "by", "where"]
    assert [pair for pair in words if pair[0] in asked] == [
        ("granularity", "hour"),
        ("zone", "Asia/Kathmandu"),
        ("by", "payment_method"),
        ("where", "currency:U*"),
    ]
    first = await keyed.ask(VALUES)
    await see(keyed, link)
    assert await keyed.ask(VALUES) == first
    restored = await keyed.ask(
        "['granularity', 'zone', 'period'].map(id => document.getElementById(id).value)"
        ".concat(explorer.view.picker.value, explorer.view.by.chosen(), explorer.view.filters.known)"
    )
    assert restored == ["hour", "Asia/Kathmandu", "kept", dict(words)["metric"], "payment_method", "currency:U*"]
    await keyed.ask("history.back()")
    await keyed.until("the view before", "!location.search.includes('Kathmandu')")


async def test_a_refused_question_is_told_in_the_words_of_its_problem(
    keyed: Page, explored: Explored, rest: Asking
) -> None:
    words = {"metric": "rides.net_revenue", "granularity": "day"}
    for wrong, group in (
        ({"zone": "Nowhere"}, "payments"),
        ({"by": "weather"}, "payments"),
        ({"metric": "no"}, "users"),
    ):
        address = explored.address(**(words | wrong))
        refused = await rest.metrics(group, urlsplit(address).query, status=400)
        await see(keyed, address)
        told = await keyed.ask(PROBLEM)
        assert refused["title"] in told
        assert refused["detail"] in told
        assert await keyed.ask("document.getElementById('numbers').textContent") == ""
    journeys: tuple[tuple[str, str, dict[str, Any], dict[str, Any]], ...] = (
        ("funnel", "funnels", FUNNEL, {"steps": ["no.such", "ticket.purchased"]}),
        ("retention", "retention", RETENTION | {"periods": 3}, {"granularity": "decade"}),
    )
    for view, path, question, broken in journeys:
        refusal = await rest.post(f"/v1/analytics/{path}", question | broken)
        assert refusal.status == 400
        await see(keyed, explored.address(view, **question | broken))
        assert refusal.content["detail"] in await keyed.ask(PROBLEM)
    await keyed.ask("explorer.useKey('mr_wrong')")
    await keyed.until("the key to be refused", f"{PROBLEM}.includes('The key is refused')")
    assert await keyed.ask("document.getElementById('key-box').open")
    await keyed.ask("explorer.useKey('')")
    await keyed.until("a key to be wanted", "document.getElementById('status').textContent.includes('wants a key')")


async def test_text_of_an_event_stays_text(keyed: Page, explored: Explored, rest: Asking) -> None:
    words = {"metric": "ticketing.page_views", "granularity": "total", "by": "city"}
    await see(keyed, explored.address(**words, where=f"city:{MARKUP}"))
    assert await keyed.ask(VALUES) == ["1"]
    for place in ("#drawn .name", "#numbers td", "#where li span"):
        assert await keyed.ask(f"document.querySelector({place!r}).textContent.replace('city:', '')") == MARKUP
    assert await keyed.ask("document.querySelectorAll('main img').length") == 0
    assert await keyed.ask("document.body.dataset.markup ?? 'inert'") == "inert"


@pytest.mark.long
async def test_pages_follow_each_other_to_the_last_row(keyed: Page, explored: Explored, rest: Asking) -> None:
    address = explored.address(**REVENUE)
    (wanted,) = (await rest.metrics("payments", urlsplit(address).query))["metrics"]
    await see(keyed, f"{address}&limit=25")
    seen = 25
    while seen < len(wanted["rows"]):
        assert len(await keyed.ask(VALUES)) == seen
        await keyed.ask("document.getElementById('more').click()")
        seen = min(seen + 25, len(wanted["rows"]))
        await keyed.until("the next page", f"{VALUES}.length === {seen}")
    assert await keyed.ask(VALUES) == [str(row["value"]) for row in wanted["rows"]]
    assert seen > 50
    assert not await keyed.ask("document.getElementById('more')")
    file = parse_qsl(urlsplit(await keyed.ask("document.querySelector('#files [data-path]').dataset.path")).query)
    assert {name for name, _ in file} == {"from", "to", "format", *REVENUE}


async def test_a_period_without_events_is_zero_where_nothing_is(keyed: Page, explored: Explored) -> None:
    data = "explorer.view.result.charts.flatMap(chart => chart.data.slice(1).flat())"
    for metric, absent, other in (("average_booking_value", None, 0), ("gross_revenue", 0, None)):
        await see(keyed, explored.address(metric=f"rides.{metric}", granularity="hour"))
        found = await keyed.ask(data)
        assert absent in found, metric
        assert other not in found, metric


def rows_of_workbook(folder: Path) -> list[dict[str, Any]]:
    """The rows of the one workbook in a folder, by their titles."""
    (saved,) = folder.glob("*.xlsx")
    sheet = openpyxl.load_workbook(saved).active
    assert sheet is not None
    titles, *lines = sheet.iter_rows(values_only=True)
    return [dict(zip(map(str, titles), line, strict=True)) for line in lines]


async def test_the_workbook_that_is_downloaded_has_the_numbers_of_the_page(
    keyed: Page, explored: Explored, rest: Asking, tmp_path: Path
) -> None:
    await keyed.call("Page.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    address = explored.address(**REVENUE)
    await see(keyed, f"{address}&limit=5")
    await keyed.ask(
        "[...document.querySelectorAll('#files button')].find(e => e.textContent.includes('Excel')).click()"
    )
    await asyncio.to_thread(until, "the workbook", lambda: any(tmp_path.glob("*.xlsx")), 20)

    (wanted,) = (await rest.metrics("payments", urlsplit(address).query))["metrics"]
    rows = await asyncio.to_thread(rows_of_workbook, tmp_path)
    assert [(each["method"], each["currency"]) for each in rows] == [
        (each["key"]["method"], each["key"]["currency"]) for each in wanted["rows"]
    ]
    assert [each["value"] for each in rows] == pytest.approx([float(each["value"]) for each in wanted["rows"]])
    assert len(rows) > 5
    assert await keyed.ask(PROBLEM) == ""
    assert keyed.errors == []


async def test_an_answer_is_saved_as_it_came(keyed: Page, explored: Explored, tmp_path: Path) -> None:
    await keyed.call("Page.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    await see(keyed, explored.address(metric="ticketing.page_views", granularity="total", by="city"))
    await keyed.ask("document.getElementById('json').click()")
    saved = tmp_path / "metrics.json"
    await asyncio.to_thread(until, "the file", saved.exists, 20)
    (found,) = json.loads(saved.read_text())["metrics"]
    assert [str(row["value"]) for row in found["rows"]] == await keyed.ask(VALUES)
    assert MARKUP in {row["key"]["city"] for row in found["rows"]}


@pytest.mark.long
async def test_nothing_found_is_told(keyed: Page, explored: Explored) -> None:
    await see(keyed, explored.address(metric="rides.refunds", granularity="day", where="method:barter"))
    assert "nothing to show" in await text_of(keyed, "status")
    assert await keyed.ask(PROBLEM) == ""


async def test_a_funnel_has_the_numbers_of_rest(keyed: Page, explored: Explored, rest: Asking) -> None:
    span = {"from": explored.world.begin.isoformat(), "to": explored.world.end.isoformat()}
    wanted = (await rest.post("/v1/analytics/funnels", FUNNEL | span)).content["groups"]
    people = [step["people"] for group in wanted for step in group["steps"]]
    assert sum(people) > 100
    assert len(wanted) >= 3

    await see(keyed, explored.address("funnel", **FUNNEL), height=1000)
    shown = "[...document.querySelectorAll('#numbers [data-people]')].map(e => Number(e.dataset.people))"
    assert await keyed.ask(shown) == people
    bars = "[...document.querySelectorAll('#drawn .bars [data-value]')].map(e => Number(e.dataset.value))"
    assert await keyed.ask(bars) == people[: 6 * 3]
    rates = await keyed.ask("[...document.querySelectorAll('#drawn .bars .share')].map(e => parseFloat(e.textContent))")
    of_first = [step["of_first"] or 0 for group in wanted for step in group["steps"]]
    assert rates == pytest.approx([100 * each for each in of_first[: len(rates)]], abs=0.01)
    await keyed.shoot("explorer-funnel")
    await keyed.ask("document.getElementById('add-step').click()")
    await answered(keyed)
    await keyed.until("the fourth step", f"({shown}).length === {4 * len(wanted)}")
    assert (
        len([name for name, _ in parse_qsl(urlsplit(await keyed.ask("location.href")).query) if name == "steps"]) == 4
    )


async def test_retention_has_the_numbers_of_rest(keyed: Page, explored: Explored, rest: Asking) -> None:
    span = {"from": explored.world.begin.isoformat(), "to": explored.world.end.isoformat()}
    question = RETENTION | span | {"periods": 3}
    cohorts = (await rest.post("/v1/analytics/retention", question)).content["cohorts"]
    wanted = [[period["people"] for period in cohort["periods"]] for cohort in cohorts]
    assert len(wanted) == 3

    await see(keyed, explored.address("retention", **RETENTION), height=700)
    cells = "[...document.querySelectorAll('.triangle tbody tr')].map(row => [...row.querySelectorAll('[data-people]')]"
    assert await keyed.ask(f"{cells}.map(e => Number(e.dataset.people)))") == wanted
    heats = await keyed.ask(f"{cells}.map(e => Number(e.dataset.heat)))")
    shares = [[period["share"] for period in cohort["periods"]] for cohort in cohorts]
    assert len({heat for row in heats for heat in row}) >= 3
    assert heats == [[sum(each >= least for least in (0.05, 0.2, 0.4, 0.6)) for each in row] for row in shares]
    assert keyed.errors == []
    await keyed.shoot("explorer-retention")


@pytest.mark.long
async def test_periods_that_are_not_over_are_marked_in_a_triangle(
    keyed: Page, explored: Explored, rest: Asking
) -> None:
    months = RETENTION | {"granularity": "month", "periods": "12"}
    span = {"from": explored.world.begin.isoformat(), "to": explored.world.end.isoformat()}
    answer = (await rest.post("/v1/analytics/retention", months | span | {"periods": 12})).content
    known = datetime.fromisoformat(answer["as_of"])
    periods = [period for cohort in answer["cohorts"] for period in cohort["periods"]]
    begun = [period for period in periods if datetime.fromisoformat(period["start"]) <= known]
    assert 0 < len(begun) < len(periods)

    await see(keyed, explored.address("retention", **months))
    assert await keyed.ask("document.querySelectorAll('.triangle [data-people]').length") == len(begun)
    is_open = [not period["complete"] for period in begun]
    assert (
        await keyed.ask("[...document.querySelectorAll('.triangle [data-people]')].map(e => e.matches('.open'))")
        == is_open
    )
    assert any(is_open)


@pytest.mark.long
@pytest.mark.parametrize(("view", "words"), [("", REVENUE), ("funnel", FUNNEL), ("retention", RETENTION)])
async def test_a_phone_scrolls_down_only(keyed: Page, explored: Explored, view: str, words: dict[str, Any]) -> None:
    await see(keyed, explored.address(view, **words), width=360, height=780)
    assert await keyed.ask("document.getElementById('answer').getBoundingClientRect().top < 200")
    await keyed.ask("document.querySelectorAll('details').forEach(each => { each.open = each.id !== 'key-box'; })")
    assert await keyed.ask(SIDEWAYS) == []
    assert await keyed.ask("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    await keyed.ask("document.getElementById('key-box').open = true")
    form = "document.getElementById('key-form').getBoundingClientRect()"
    assert await keyed.ask(f"{form}.left >= 0 && {form}.right <= document.documentElement.clientWidth")
    if not view:
        await keyed.ask("document.querySelectorAll('details').forEach(each => { each.open = false; })")
        await keyed.shoot("explorer-phone")


@pytest.mark.long
@pytest.mark.parametrize(("view", "words"), [("", REVENUE), ("funnel", FUNNEL), ("retention", RETENTION)])
async def test_the_keyboard_reaches_everything(
    keyed: Page, explored: Explored, view: str, words: dict[str, Any]
) -> None:
    await see(keyed, explored.address(view, **words))
    await keyed.ask("document.getElementById('key-box').open = true")
    reached = ""
    while reached != "BODY":
        await keyed.press("Tab")
        reached = await keyed.ask("(e => { e.dataset.reached = 1; return e.tagName; })(document.activeElement)")
    missed = """[...document.querySelectorAll('a, button, input, select, summary, [tabindex="0"]')]
        .filter(e => e.checkVisibility() && !e.disabled && !e.dataset.reached && !(e.type === 'radio' && !e.checked))
        .map(e => e.outerHTML.slice(0, 90))"""
    assert await keyed.ask(missed) == []
    named = """[...document.querySelectorAll('input, select, textarea')].filter(e =>
        !e.labels.length && !e.getAttribute('aria-label')).map(e => e.outerHTML.slice(0, 90))"""
    assert await keyed.ask(named) == []
    assert await keyed.ask("document.querySelector('nav [aria-current=page]').dataset.view") == (view or "metrics")
    assert await keyed.ask("document.querySelector('nav a').getAttribute('href')") == "/"


@pytest.mark.long
@pytest.mark.parametrize("dark", [False, True])
async def test_numbers_stand_out_on_every_shade(keyed: Page, explored: Explored, dark: bool) -> None:
    await see(keyed, explored.address("retention", **RETENTION), dark=dark, height=700)
    names = [f"--heat-{heat}" for heat in range(5)] + ["--ink", "--on-heat-3", "--on-heat-4"]
    style = "getComputedStyle(document.documentElement)"
    found = await keyed.ask(f"{json.dumps(names)}.map(each => {style}.getPropertyValue(each).trim())")
    *grounds, ink, third, fourth = found
    for ground, text in zip(grounds, (ink, ink, ink, third, fourth), strict=True):
        assert contrast(text, ground) >= 4.5, (text, ground)
    if dark:
        await keyed.shoot("explorer-dark")
