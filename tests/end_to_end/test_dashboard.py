"""The whole way to a person: events through a worker and Redis onto the page in a browser, over a kill -9 as well."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from streams.settings import Settings
from tests.support.browser import Page, browser
from tests.support.feed import produce
from tests.support.live import served
from tests.support.waiting import eventually
from tests.support.wire import mixed
from tests.support.workers import Crew, Worker

pytestmark = pytest.mark.slow

Records = list[tuple[str, int, bytes | None]]
SHOWN = "JSON.stringify([...document.querySelectorAll('[data-path]')].map(e => [e.dataset.path, e.dataset.value]))"


@pytest.fixture
def quick(embedded: Settings) -> Settings:
    """Settings of a worker and a web process whose numbers come soon."""
    return embedded.model_copy(update={"live_publish_seconds": 0.2, "live_interval_seconds": 0.3})


@pytest.fixture
async def page(quick: Settings, tmp_path: Path) -> AsyncIterator[Page]:
    """The dashboard in a browser."""
    with served(quick) as (url, _):
        async with browser(tmp_path / "profile") as found:
            await found.open(url)
            yield found


def sent(first: int, ago: float) -> Records:
    """Events of all types but pings."""
    return mixed(200, first, ago=ago)


def of_the_hour(records: Records) -> dict[str, Any]:
    """What the page must show of events of the last hour, by plain loops over what was sent."""
    events = [(topic, json.loads(value or b"")) for topic, _, value in records]
    kinds = Counter(event["type"] for _, event in events)
    rides = [event["data"] for topic, event in events if topic.startswith("rides.")]
    visits = [event["data"] for topic, event in events if topic.startswith("ticketing.") and "catalog" not in topic]
    paid, sold = (
        [event["data"] for _, event in events if event["type"] == kind]
        for kind in ("payment.success", "ticket.purchased")
    )
    return {
        "domains.rides.active.users": len(distinct(rides, "user_id") | distinct(rides, "driver_id")),
        "domains.rides.active.drivers": len(distinct(rides, "driver_id")),
        "domains.rides.bookings.created": kinds["booking.created"],
        "domains.rides.trips.completed": kinds["trip.completed"],
        "domains.rides.payments.succeeded": kinds["payment.success"],
        "domains.rides.payments.revenue": amounts(paid),
        "domains.ticketing.dashboard.visits": len(distinct(visits, "session_id")),
        "domains.ticketing.dashboard.users": len(distinct(visits, "user_id")),
        "domains.ticketing.dashboard.page_views": kinds["page.viewed"],
        "domains.ticketing.dashboard.tickets": sum(each["quantity"] for each in sold),
        "domains.ticketing.dashboard.checked_in": kinds["ticket.checked_in"],
        "domains.ticketing.dashboard.revenue": amounts(sold),
    }


def distinct(data: Iterable[dict[str, Any]], field: str) -> set[str]:
    """The values that are given."""
    return {each[field] for each in data if each.get(field)}


def amounts(data: Iterable[dict[str, Any]]) -> dict[str, Decimal]:
    """What was paid by currency."""
    sums: Counter[str] = Counter()
    for each in data:
        sums[each["currency"]] += int(Decimal(each["amount"]) * 10_000)
    return {currency: Decimal(amount) / 10_000 for currency, amount in sums.items()}


async def shows(page: Page, records: Records) -> None:
    """Wait until the page shows what was sent, and nothing else."""
    truth = of_the_hour(records)
    assert all(truth.values())

    async def shown() -> dict[str, Any]:
        found = {path: json.loads(text) for path, text in json.loads(await page.ask(SHOWN)) if path in truth and text}
        return {
            path: {part: Decimal(amount) for part, amount in value.items()} if isinstance(value, dict) else value
            for path, value in found.items()
        }

    async def equal() -> bool:
        return await shown() == truth

    try:
        await eventually("the page shows what was sent", equal)
    except AssertionError:
        assert await shown() == truth  # says what there was instead
    assert page.errors == []


async def started(workers: Crew, settings: Settings) -> Worker:
    """A worker that has both shards."""
    worker = workers.start(settings)
    await asyncio.to_thread(worker.wait_ready, settings.kafka_partitions)
    return worker


async def test_the_page_shows_what_was_sent(page: Page, quick: Settings, workers: Crew) -> None:
    records = sent(0, ago=300)
    await started(workers, quick)
    await produce(quick, records)
    await shows(page, records)


@pytest.mark.faults
async def test_the_page_is_right_again_after_a_kill(page: Page, quick: Settings, workers: Crew) -> None:
    records = sent(0, ago=300)
    worker = await started(workers, quick)
    await produce(quick, records)
    await shows(page, records)
    for number in (1, 2):
        under_way = sent(1000 * number, ago=120)
        await produce(quick, under_way)
        await asyncio.to_thread(worker.kill)  # whatever of them it has counted or delivered by now
        while_dead = sent(1000 * number + 500, ago=60)
        await produce(quick, while_dead)
        records += under_way + while_dead
        worker.start()
        await shows(page, records)
