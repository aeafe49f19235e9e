"""Alerts to be sent."""

from datetime import UTC, datetime, timedelta

from streams.alerts import Alert, Kind, Observation, Rule, Status
from streams.alerts.alert import identity

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
RULE = Rule(
    name="much", window="w", measure="m", above=10, summary="{value:.0f} is more than {threshold:.0f} — too much"
)


def moment(seconds: float) -> datetime:
    """So many seconds after the start."""
    return START + timedelta(seconds=seconds)


def reading(seconds: float, value: float | None) -> Observation:
    """One that `RULE` judges."""
    return Observation("w", "m", moment(seconds), value)


def alert(number: int = 0, status: Status = Status.FIRING) -> Alert:
    """One of the alerts of `RULE`."""
    since, kind = moment(number), Kind.THRESHOLD
    name = identity(RULE.name, kind, (), since)
    return Alert(name, RULE.name, kind, status, "warning", "w", "m", (), 11.0, 10.0, since, since, RULE.tell((), 11))
