"""docs/alerts.md is true: its rules can be declared, its payload is the real one, its check of signatures works."""

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from agents.webhook import SIGNATURE, Webhook, signature
from streams.alerts import Alert, Rule
from streams.alerts.alert import identity
from streams.alerts.file import parse
from tests.support.alerts import alert
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
    assert rules[2].matches((("currency", "USD"), ("gateway", "stripe")))
    fields = {
        field for row in re.findall(r"^\| (`.*?) \|", PAGE, re.MULTILINE) for field in re.findall(r"`(\w+)`", row)
    }
    assert fields == set(Rule.__dataclass_fields__), "the table of fields is not that of Rule"


def test_the_file_of_the_page_has_the_first_of_them(names: dict[str, Any]) -> None:
    (text,) = blocks("toml")
    assert parse(text) == (names["failing"],)


def test_the_payload_of_the_page_is_one() -> None:
    (block,) = blocks("json")
    shown = json.loads(block)
    assert Alert.read(shown).document() == shown
    real = Alert.read(shown)
    assert real.id == identity(real.rule, real.kind, real.key, real.since)
    assert list(shown) == list(alert().document())


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
