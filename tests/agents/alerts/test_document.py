"""docs/alerts.md is true: its rules can be declared, its payload is the real one, its check of signatures works."""

import json
import re
import time
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from agents.rules import known_readings
from agents.watch import observations
from agents.webhook import SIGNATURE, Webhook, signature
from streams.alerts import Alert, Rule, check, look
from streams.alerts.alert import identity
from streams.alerts.file import parse
from streams.errors import ConfigurationError
from tables.declared import declared
from tables.live import Row, ShardView, View
from tables.window import Window
from tables.wire import Status, answers
from tests.support.alerts import alert
from tests.support.live import states_of
from tests.support.receiver import SECRET, receiver

PAGE = (Path(__file__).parents[3] / "docs/alerts.md").read_text()


def blocks(language: str) -> list[str]:
    """The page's blocks of code in a language."""
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def names() -> dict[str, Any]:
    """What the page's Python defines."""
    found: dict[str, Any] = {}
    for block in blocks("python"):
        exec(block, found)
    return found


def test_the_rules_of_the_page_can_be_declared(names: dict[str, Any]) -> None:
    rules = [value for value in names.values() if isinstance(value, Rule)]
    assert [rule.name for rule in rules][:2] == ["rides-payments-down", "rides-bookings-stopped"]
    check(rules, known_readings(declared))
    fields = {
        field for row in re.findall(r"^\| (`.*?) \|", PAGE, re.MULTILINE) for field in re.findall(r"`(\w+)`", row)
    }
    assert fields == set(Rule.__dataclass_fields__), "the table of fields is not that of Rule"


@pytest.mark.parametrize(
    ("window", "measure", "key", "said"),
    [
        ("rides.trips.1m", "duration_s", {"part": "p99"}, "set part to p50 or p95"),
        ("rides.payments.5m", "revenue", {"currency": "usd"}, "the nearest of which are USD, "),
        (
            "ticketing.interactions.1m",
            "events",
            {"event_type": "event.view"},
            "the nearest of which are event.viewed, ",
        ),
    ],
)
def test_a_value_that_no_reading_of_the_product_has_is_refused(
    window: str, measure: str, key: dict[str, str], said: str
) -> None:
    wrong = Rule(name="wrong", window=window, measure=measure, key=key, above=1, summary="{value}")
    with pytest.raises(ConfigurationError) as refused:
        check([wrong], known_readings(declared))
    assert said in str(refused.value)


def test_the_file_of_the_page_has_the_first_of_them(names: dict[str, Any]) -> None:
    (text,) = blocks("toml")
    assert parse(text) == (names["failing"],)


def test_the_payload_of_the_page_is_one(names: dict[str, Any]) -> None:
    (block,) = blocks("json")
    shown = json.loads(block)
    assert Alert.read(shown).document() == shown
    real = Alert.read(shown)
    assert real.id == identity(real.rule, real.kind, real.key, real.since)
    assert list(shown) == list(alert().document())
    assert (shown["window"], shown["measure"]) == (names["failing"].window, str(names["failing"].measure))


def test_the_rule_with_a_key_fires_for_each_currency_by_itself(names: dict[str, Any]) -> None:
    rule = names["by_currency"]
    window = declared.windows[rule.window]
    rows = tuple(given_back(window, city) for city in ("New York", "Boston"))
    view = View(0, 0, (ShardView(0, Status(as_of=0, domains=["rides"]), 0.0, False, True),), True, (rows,))
    _, told = look([rule], {}, observations(view, [window]), datetime.fromtimestamp(rows[0].end, UTC))
    assert [(alert.key, alert.value) for alert in told] == [
        ((("currency", "USD"), ("pickup_city", "New York")), 10_001)
    ]


def given_back(window: Window, city: str) -> Row:
    """A closed window of a city in which 10,001 USD and 10,000 EUR were refunded."""
    slices = declared.slices[window.over.name]
    refund = {"event_type": "payment.refunded", "pickup_city": city, "at": 0}
    amounts = {"USD": Decimal(10_001), "EUR": Decimal(10_000)}
    events = [refund | {"refund_amount": amount, "currency": currency} for currency, amount in amounts.items()]
    return Row(
        0, window.size, True, True, {"pickup_city": city}, answers(slices, states_of(slices, events), window.size)
    )


async def test_the_check_of_the_page_knows_our_signature(names: dict[str, Any]) -> None:
    genuine = names["is_genuine"]
    async with receiver() as there:
        webhook = Webhook(there.url, SECRET, allow_internal=True)
        await webhook.send(alert())
        await webhook.close()
    ((request, body),) = there.requests
    header = request.headers[SIGNATURE]
    assert genuine(header, body, SECRET)
    assert not genuine(header, body + b" ", SECRET)
    assert not genuine(header, body, "another secret")
    assert not genuine(header.replace("t=", "t=1"), body, SECRET)
    assert not genuine(signature(SECRET, body, int(time.time()) - 400), body, SECRET)
    for broken in ("", "t=,v1=", "t=x,v1=y", "v1=é", "t=²,v1="):
        assert not genuine(broken, body, SECRET)
