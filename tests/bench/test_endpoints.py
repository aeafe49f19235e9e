"""What `python -m bench endpoints` asks, and what it tells."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from starlette.datastructures import QueryParams

from api.app import create
from api.metrics import boards, geo, parameters
from api.metrics.boards import BOARDS
from api.metrics.recommended import RECOMMENDED
from api.metrics.routes import PATHS
from bench import store_page
from bench.endpoints import Address, questions
from bench.metrics import DAYS
from clickhouse.metrics.catalogue import METRICS
from streams.events.domains import DOMAINS
from streams.settings import Settings

LAST = datetime(2030, 5, 31, tzinfo=UTC)
RANGES = {domain: (LAST - timedelta(days=40), LAST) for domain in DOMAINS}
LIVE = "realtime"


def test_every_address_and_every_metric_is_asked() -> None:
    asked = [*questions(0, RANGES, random.Random(1))]
    paths = create(Settings.model_construct()).openapi()["paths"]
    addresses = {path.removeprefix(PATHS) for path in paths if path.startswith(PATHS)}

    # A recommendation names one person; live windows are read from Redis and never from the cache.
    assert {address for address, _ in asked} == addresses - {RECOMMENDED, LIVE}
    assert {words["metric"] for address, words in asked if address not in ("geo", *BOARDS)} == {
        metric.name for metric in METRICS
    }


@pytest.mark.parametrize("number", range(len(DAYS)))
def test_the_api_takes_every_question(number: int) -> None:
    for address, words in questions(number, RANGES, random.Random(number)):
        given = QueryParams(words)
        begin, end = (datetime.fromisoformat(words[name]) for name in ("from", "to"))
        assert (end - begin, end <= LAST) == (timedelta(days=DAYS[number]), True)
        if address in BOARDS:
            assert boards.read(BOARDS[address], given)
        else:
            asked = geo.read(given).asked if address == "geo" else parameters.read(address, given)
            assert len(asked.questions) == 1


def test_an_answer_tells_whether_it_was_cached() -> None:
    found = Address()
    for cache, spent in (("miss", 90.0), ("hit", 2.0), ("hit", 4.0), ("shared", 80.0)):
        found.note(200, b'{"cache":"%b"}' % cache.encode(), spent)
    found.note(503, b"{}", 1.0)
    told = found.figures()

    assert (told["questions"], told["refused"]) == (2, 1)
    assert (told["uncached"]["longest_ms"], told["cached"]["longest_ms"]) == (90.0, 4.0)
    page = store_page.endpoints({"rows": 20_000_000, "addresses": {"sales": told}})
    assert page.startswith("Over 20,000,000 raw rows:")
    assert "| `/v1/metrics/sales` | 2 | 85 | 90 | 3.0 | 4.0 |" in page
