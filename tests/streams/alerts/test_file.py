"""Rules as a TOML file: each field is taken, and each fault is told with the rule's name."""

import pytest

from streams.alerts import Ratio, Rule
from streams.alerts.file import parse
from streams.errors import ConfigurationError

GOOD = """
[[rule]]
name = "failing"
window = "w"
measure = { numerator = ["failed"], denominator = ["succeeded", "failed"], least = 20 }
above = 0.25
recover = 0.1
for_seconds = 120
severity = "critical"
summary = "{value:.1%} fail"

[[rule]]
name = "few"
window = "w"
measure = "created"
key = { city = "Rome" }
by = ["currency"]
below = 1
absent_after_seconds = 900
summary = "few"
"""


def test_every_field_is_taken() -> None:
    failing, few = parse(GOOD)
    assert failing == Rule(
        name="failing",
        window="w",
        measure=Ratio(("failed",), ("succeeded", "failed"), least=20),
        above=0.25,
        recover=0.1,
        for_seconds=120,
        severity="critical",
        summary="{value:.1%} fail",
    )
    assert (few.measure, few.key, few.by, few.below) == ("created", {"city": "Rome"}, ("currency",), 1)
    assert few.absent_after_seconds == 900


def test_a_file_without_rules_has_none() -> None:
    assert parse("# nothing is watched") == ()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("above = 0.25", "above = "), "not TOML"),
        (("[[rule]]", "[rules]\n[[rule]]"), "nothing else"),
        (("[[rule]]", "[rule]"), "not TOML"),
        (("above = 0.25", "abvoe = 0.25"), "rule 1 has unknown fields ['abvoe']; there are name, window"),
        (('window = "w"\n', ""), "rule 1 has no window"),
        (("above = 0.25", 'above = "much"'), "alert rule 'failing'"),
        (("least = 20", 'least = "x"'), "alert rule 'failing'"),
        (('severity = "critical"', 'severity = "loud"'), "alert rule 'failing': Invalid enum value 'loud'"),
        (("recover = 0.1", "recover = 0.3"), "recover=0.3 would be an alert itself"),
        (('name = "failing"', 'name = "few"'), "two alert rules are called few"),
        (('name = "failing"', "name = 1"), "alert rule 1: Expected `str`"),
    ],
)
def test_a_fault_is_told(change: tuple[str, str], said: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        parse(GOOD.replace(*change, 1))
    assert said in str(refused.value)
