"""What a rule may say, how a wrong one is told, and which readings it takes."""

from decimal import Decimal
from typing import Any

import pytest

from streams.alerts import Ratio, Rule, check
from streams.alerts.declared import RULES
from streams.errors import ConfigurationError

GOOD: dict[str, Any] = {"name": "a-rule", "window": "w", "measure": "m", "above": 10, "summary": "{value} is much"}
KNOWN: dict[str, dict[str, dict[str, tuple[str, ...]]]] = {
    "rides.payments.1m": {
        "succeeded": {},
        "failed": {},
        "revenue": {"currency": ("CHF", "EUR", "GBP", "JPY", "USD", "UYU")},
        "seconds": {"gateway": (), "part": ("p50", "p95")},
    },
    "rides.bookings.1m": {"created": {}},
    "ticketing.sales.1m": {"purchased": {}},
}


def rule(**change: Any) -> Rule:
    """A good rule with changes."""
    return Rule(**GOOD | change)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": "A rule"}, "small letters"),
        ({"name": "x" * 65}, "64 letters"),
        ({"window": ""}, "name both"),
        ({"measure": ""}, "name both"),
        ({"below": 1}, "declare two rules"),
        ({"above": None}, "no threshold"),
        ({"above": None, "recover": 3, "absent_after_seconds": 5}, "no threshold"),
        ({"above": float("nan")}, "threshold=nan"),
        ({"recover": float("inf")}, "recover=inf"),
        ({"recover": 11}, "recover=11 would be an alert itself; set at most 10"),
        ({"above": None, "below": 10, "recover": 9}, "set at least 10"),
        ({"for_seconds": -1}, "for_seconds=-1"),
        ({"recover_for_seconds": float("inf")}, "recover_for_seconds=inf"),
        ({"gap_seconds": 0}, "gap_seconds=0"),
        ({"absent_after_seconds": 0}, "absent_after_seconds=0"),
        ({"severity": "fatal"}, "severity='fatal'; choose one of info, warning, critical"),
        ({"summary": "{val}"}, "'{val}' cannot be filled in"),
        ({"summary": "{value:d}"}, "cannot be filled in"),
        ({"summary": "{value.hex}"}, "cannot be filled in"),
        ({"summary": "{value"}, "cannot be filled in"),
        ({"summary": "{}"}, "cannot be filled in"),
        ({"by": "currency"}, r"by='currency'; write a tuple"),
        ({"key": {"currency": "USD"}, "by": ("currency",)}, r"\['currency'\] stand in key and in by"),
    ],
)
def test_a_wrong_rule_is_refused_where_it_is_declared(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said) as caught:
        rule(**change)
    assert f"alert rule {change.get('name', 'a-rule')!r}" in str(caught.value)


@pytest.mark.parametrize("parts", [{"numerator": "failed"}, {"denominator": ()}, {"least": 0}, {"least": float("nan")}])
def test_a_wrong_ratio_is_refused(parts: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=r"ratio|least"):
        Ratio(**{"numerator": ("failed",), "denominator": ("succeeded", "failed")} | parts)


def test_a_ratio_needs_every_measure_and_enough_to_judge() -> None:
    failing = Ratio(("failed",), ("succeeded", "failed"), least=20)
    assert str(failing) == "failed / (succeeded + failed)"
    assert failing.of({"failed": Decimal(5), "succeeded": 15.0}) == 0.25
    assert failing.of({"failed": 5, "succeeded": 14}) is None
    assert failing.of({"failed": 50}) is None
    assert failing.of({"failed": None, "succeeded": 50}) is None


def test_the_threshold_itself_is_right_and_the_recovery_itself_is_well() -> None:
    high, low = rule(recover=8), rule(above=None, below=10, recover=12)
    assert [high.breaks(v) for v in (10, 10.1, Decimal("10.01"))] == [False, True, True]
    assert [high.heals(v) for v in (8.1, 8)] == [False, True]
    assert [low.breaks(v) for v in (10, 9.9)] == [False, True]
    assert [low.heals(v) for v in (11.9, 12)] == [False, True]
    assert rule().heals(10)


def test_a_key_is_all_that_a_reading_may_have() -> None:
    total, dollars = rule(), rule(key={"currency": "USD"})
    each = rule(key={"currency": "USD"}, by=("city",))
    assert total.matches(())
    assert not total.matches((("currency", "USD"),))
    assert dollars.matches((("currency", "USD"),))
    assert not dollars.matches((("currency", "EUR"),))
    assert each.matches((("city", "Rome"), ("currency", "USD")))
    assert not each.matches((("currency", "USD"),))
    assert not each.matches((("city", "Rome"), ("currency", "EUR")))


def test_the_declared_rules_read_what_exists() -> None:
    check(RULES, KNOWN)


def test_every_rule_that_reads_nothing_is_named() -> None:
    wrong = [
        *RULES,
        rule(name="one", window="rides.payment"),
        rule(name="two", window="rides.bookings.1m", measure="n"),
    ]
    with pytest.raises(ConfigurationError, match=r"2 alert rule\(s\)") as caught:
        check(wrong, KNOWN)
    assert (
        "one: no window 'rides.payment'; the nearest are rides.payments.1m, rides.bookings.1m, ticketing.sales.1m"
        in str(caught.value)
    )
    assert "two: no measure n in rides.bookings.1m; it has created" in str(caught.value)
    with pytest.raises(ConfigurationError, match="two alert rules are called a-rule"):
        check([rule(), rule(above=11)], {"w": {"m": {}}})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"key": {"gateway": "stripe"}, "by": ("currency",)}, "`key` and `by` name currency, gateway"),
        ({"by": ("currency",)}, "the key of failed in rides.payments.1m is empty (a total), but"),
        ({"measure": "revenue"}, "the key of revenue in rides.payments.1m is currency, but `key` and `by` name empty"),
        ({"measure": "revenue", "by": ("city",)}, "is currency, but `key` and `by` name city"),
        ({"measure": Ratio(("failed",), ("revenue",)), "by": ("currency",)}, "the key of failed in"),
    ],
)
def test_a_rule_over_a_key_that_no_reading_has_is_refused(change: dict[str, Any], said: str) -> None:
    wrong = rule(**{"window": "rides.payments.1m", "measure": "failed"} | change)
    with pytest.raises(ConfigurationError) as caught:
        check([wrong], KNOWN)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"measure": "seconds", "key": {"part": "p99"}, "by": ("gateway",)},
            "a-rule: no reading of seconds in rides.payments.1m has part='p99'; set part to p50 or p95, or name it in",
        ),
        (
            {"measure": "revenue", "key": {"currency": "usd"}},
            "has currency='usd'; set currency to one of 6 values, the nearest of which are USD, ",
        ),
    ],
)
def test_a_rule_over_a_value_that_no_reading_has_is_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        check([rule(**{"window": "rides.payments.1m"} | change)], KNOWN)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        {"by": ("currency",)},
        {"measure": "seconds", "key": {"part": "p95", "gateway": "any at all"}},
        {"measure": "seconds", "key": {"gateway": "any at all"}, "by": ("part",)},
        {"key": {"currency": "USD"}},
        {"measure": Ratio(("failed",), ("succeeded", "failed"))},
    ],
)
def test_a_rule_over_the_whole_key_is_taken(change: dict[str, Any]) -> None:
    check([rule(**{"window": "rides.payments.1m", "measure": "revenue"} | change)], KNOWN)
