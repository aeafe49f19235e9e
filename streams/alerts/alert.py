"""An alert as it is told: that a rule began to fire, or that it is over."""

import hashlib
import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from streams.alerts.reading import Key, Number
from streams.alerts.rule import Rule

VERSION = 1
"""Version of the payload; grows only where a reader would have to change."""


class Kind(StrEnum):
    """What is wrong."""

    THRESHOLD = "threshold"
    """The value is beyond the threshold."""
    ABSENCE = "absence"
    """There is no newer reading."""


class Status(StrEnum):
    """What happened to the alert."""

    FIRING = "firing"
    RECOVERED = "recovered"


@dataclass(frozen=True, slots=True)
class Alert:
    """One transition. Firing and recovery of the same trouble have the same id; a repeat has the same id and status."""

    id: str
    rule: str
    kind: Kind
    status: Status
    severity: str
    window: str
    measure: str
    key: Key
    value: float | None
    """The value that decided; None for an absence."""
    threshold: float | None
    """What it was held against: `above` or `below`, or the seconds of an absence."""
    since: datetime
    """Where the trouble began: the first reading that broke the rule, or when the last reading came."""
    at: datetime
    """When it was decided, by the clock."""
    summary: str
    reason: str | None = None
    """Why it is over, where no reading says so."""

    def ended(self, reason: str, now: datetime) -> "Alert":
        """The recovery of an alert that nobody judges any more."""
        said = f"over, {reason}: {self.summary}"
        return replace(self, status=Status.RECOVERED, at=now, summary=said, reason=reason)

    def document(self) -> dict[str, Any]:
        """The payload: what goes to the topic and to the webhook."""
        return {
            "version": VERSION,
            "id": self.id,
            "status": str(self.status),
            "rule": self.rule,
            "kind": str(self.kind),
            "severity": self.severity,
            "summary": self.summary,
            "reason": self.reason,
            "window": self.window,
            "measure": self.measure,
            "key": dict(self.key),
            "value": self.value,
            "threshold": self.threshold,
            "since": self.since.astimezone(UTC).isoformat(),
            "at": self.at.astimezone(UTC).isoformat(),
        }

    def body(self) -> bytes:
        """The payload as JSON, the same bytes each time."""
        return json.dumps(self.document(), ensure_ascii=False, allow_nan=False).encode("utf-8", "backslashreplace")

    @classmethod
    def read(cls, document: dict[str, Any]) -> "Alert":
        """The alert of a payload. Raises KeyError, TypeError, ValueError where it is none."""
        facts = {name: document[name] for name in ("id", "rule", "severity", "window", "measure", "summary")}
        return cls(
            **facts,
            kind=Kind(document["kind"]),
            status=Status(document["status"]),
            key=tuple(document["key"].items()),
            value=document["value"],
            threshold=document["threshold"],
            since=datetime.fromisoformat(document["since"]),
            at=datetime.fromisoformat(document["at"]),
            reason=document.get("reason"),
        )


def identity(rule: str, kind: Kind, key: Key, since: datetime) -> str:
    """The id: the same for the same rule, key and beginning, whoever works it out."""
    facts = json.dumps([rule, kind, key, since.astimezone(UTC).isoformat()])
    return hashlib.sha256(facts.encode()).hexdigest()[:32]


def beyond(rule: Rule, status: Status, key: Key, value: Number, since: datetime, now: datetime) -> Alert:
    """The alert about a value."""
    threshold = None if rule.threshold is None else float(rule.threshold)
    return _alert(rule, Kind.THRESHOLD, status, key, float(value), threshold, since, now, rule.tell(key, value))


def absent(rule: Rule, status: Status, key: Key, since: datetime, now: datetime) -> Alert:
    """The alert about readings that stay away."""
    seconds = float(rule.absent_after_seconds or 0)
    said = f"no new reading of {rule.measure} in {rule.window} since {since.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    return _alert(rule, Kind.ABSENCE, status, key, None, seconds, since, now, said)


def _alert(
    rule: Rule,
    kind: Kind,
    status: Status,
    key: Key,
    value: float | None,
    threshold: float | None,
    since: datetime,
    now: datetime,
    said: str,
) -> Alert:
    return Alert(
        id=identity(rule.name, kind, key, since),
        rule=rule.name,
        kind=kind,
        status=status,
        severity=rule.severity,
        window=rule.window,
        measure=str(rule.measure),
        key=key,
        value=value,
        threshold=threshold,
        since=since,
        at=now,
        summary=said if status is Status.FIRING else f"recovered: {said}",
    )
