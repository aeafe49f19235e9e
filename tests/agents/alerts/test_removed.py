"""Rules that are removed or changed while they fire: whoever heard of the alert hears of its end."""

import json
from dataclasses import replace

import pytest

from agents.alerts import Alerts
from streams.alerts import Alert, Observation, Rule, Status
from streams.errors import SinkUnavailable
from tests.support.alerts import RULE, moment, reading

SILENCE = Rule(name="silence", window="w", measure="m", absent_after_seconds=60, summary="-")
OTHER = replace(RULE, name="other", above=1000)


class Told:
    """A receiver that takes everything."""

    def __init__(self) -> None:
        self.alerts: list[Alert] = []

    async def send(self, alert: Alert) -> None:
        """Remember it."""
        self.alerts.append(alert)


def restarted(alerts: Alerts, rules: list[Rule], told: Told) -> Alerts:
    """Another process with these rules, from what the first one saved."""
    return Alerts(rules, told.send, None, json.loads(json.dumps(alerts.state())))


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        (RULE, [OTHER], "rule removed"),
        (RULE, [], "rule removed"),
        (RULE, [replace(RULE, key={"city": "Rome"})], "rule changed"),
        (SILENCE, [replace(SILENCE, absent_after_seconds=None, above=10)], "rule changed"),
    ],
    ids=["removed", "the last one removed", "another key", "absence asked for no more"],
)
async def test_an_alert_without_its_rule_is_over(before: Rule, after: list[Rule], reason: str) -> None:
    told = Told()
    alerts = Alerts([before, OTHER], told.send)
    await alerts.look([], moment(0))
    await alerts.look([] if before is SILENCE else [reading(100, 11)], moment(100))
    (fired,) = told.alerts
    assert fired.status is Status.FIRING
    alerts = restarted(alerts, after, told)
    await alerts.look([], moment(130))
    (_, over) = told.alerts
    assert (over.id, over.status, over.reason, over.at) == (fired.id, Status.RECOVERED, reason, moment(130))
    assert over.summary == f"over, {reason}: {fired.summary}"
    assert (over.severity, over.window, over.value) == (fired.severity, fired.window, fired.value)
    saved = alerts.state()
    assert fired.id not in json.dumps(saved)
    alerts = restarted(alerts, after, told)
    await alerts.look([], moment(140))
    assert len(told.alerts) == 2


async def test_what_is_judged_on_is_left_alone() -> None:
    told = Told()
    rule = replace(RULE, by=("city",))
    alerts = Alerts([rule], told.send)
    rome, oslo = (("city", "Rome"),), (("city", "Oslo"),)
    await alerts.look([replace(reading(0, 11), key=key) for key in (rome, oslo)], moment(0))
    alerts = restarted(alerts, [replace(rule, above=9), OTHER], told)
    await alerts.look([], moment(10))
    assert [alert.status for alert in told.alerts] == [Status.FIRING, Status.FIRING]
    await alerts.look([Observation("w", "m", moment(20), 1, rome)], moment(20))
    (over,) = told.alerts[2:]
    assert (over.key, over.status, over.reason) == (rome, Status.RECOVERED, None)
    assert [alert["key"] for alert in alerts.state()["open"]] == [dict(oslo)]


async def test_its_end_waits_for_a_receiver_that_has_not_heard_of_it() -> None:
    told = Told()

    async def away(_: Alert) -> None:
        raise SinkUnavailable("away")

    alerts = Alerts([RULE], away)
    await alerts.look([reading(0, 11)], moment(0))
    await restarted(alerts, [], told).look([], moment(10))
    assert [alert.status for alert in told.alerts] == [Status.FIRING, Status.RECOVERED]
