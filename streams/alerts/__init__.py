"""Alerts: declared rules over measures, and the pure state machine that tells when one fires and when it is over."""

from streams.alerts.alert import Alert, Kind, Status
from streams.alerts.engine import Phase, Place, State, States, firing, look, stands
from streams.alerts.reading import Key, Number, Observation
from streams.alerts.rule import Ratio, Rule, check
from streams.alerts.saved import dump, restore

__all__ = [
    "Alert",
    "Key",
    "Kind",
    "Number",
    "Observation",
    "Phase",
    "Place",
    "Ratio",
    "Rule",
    "State",
    "States",
    "Status",
    "check",
    "dump",
    "firing",
    "look",
    "restore",
    "stands",
]
