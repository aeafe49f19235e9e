"""Judges readings by the rules and tells what follows from it, until everybody has heard it."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

import structlog

from streams import metrics
from streams.alerts import Alert, Observation, Place, Rule, State, dump, firing, look, restore, stands
from streams.alerts.alert import Status
from streams.alerts.rule import unique
from streams.errors import ConfigurationError, SinkUnavailable, WebhookRefused

log = structlog.get_logger(__name__)

Send = Callable[[Alert], Awaitable[None]]
"""Tells one alert. Raises SinkUnavailable, WebhookRefused; then it is called with the same alert again later."""

TELL_SECONDS = 30.0
"""After so long the rest of what waits is left to the next look, which must not come too late."""


class Outbox:
    """What one receiver has not taken yet, oldest first."""

    def __init__(self, name: str, send: Send) -> None:
        self.name = name
        self._send = send
        self.waiting: dict[tuple[str, Status], Alert] = {}
        """By id and status: the same transition is told once, whoever found it again."""

    def add(self, alert: Alert) -> None:
        """Tell it at the next `flush`."""
        self.waiting.setdefault((alert.id, alert.status), alert)

    async def flush(self) -> None:
        """Send what waits. What is not taken stays: all of it where the receiver is away, else that one alert."""
        loop = asyncio.get_running_loop()
        until = loop.time() + TELL_SECONDS
        refused: set[str] = set()
        for place, alert in list(self.waiting.items()):
            # A recovery never overtakes what it recovers from.
            if alert.id in refused:
                continue
            if loop.time() > until:
                break
            try:
                await self._send(alert)
            except WebhookRefused as error:
                log.error("alert refused", to=self.name, alert=alert.id, rule=alert.rule, error=str(error))
                refused.add(alert.id)
            except SinkUnavailable as error:
                log.warning("alerts held", to=self.name, waiting=len(self.waiting), error=str(error))
                break
            else:
                # Only now: cancelled on the way it would be sent again, which its id tells.
                del self.waiting[place]
        metrics.ALERTS_UNSENT.labels(self.name).set(len(self.waiting))


class Alerts:
    """The rules, their states, and what is still to be told. An alert is not lost while the process lives."""

    def __init__(
        self,
        rules: Sequence[Rule],
        send_topic: Send,
        send_webhook: Send | None = None,
        saved: dict[str, Any] | None = None,
    ) -> None:
        """`saved`: the `state` of an earlier process. Raises ConfigurationError for doubled names or a bad state."""
        unique(rules)
        self._rules = tuple(rules)
        self._boxes = [Outbox("topic", send_topic)]
        if send_webhook is not None:
            self._boxes.append(Outbox("webhook", send_webhook))
        self._states: dict[Place, State] = {}
        self._open: dict[str, Alert] = {}
        """What was told as firing and not as over, by id."""
        self._one_look = asyncio.Lock()
        if saved is not None:
            self._restore(saved)
        self._count()

    async def look(self, observations: Iterable[Observation], now: datetime) -> list[Alert]:
        """Judge new readings and send what follows, and what could not be sent before; returns what is new.

        Call it also without readings, for absence and what waits. Takes no longer than `TELL_SECONDS` and one send.
        """
        async with self._one_look:
            self._states, told = look(self._rules, self._states, observations, now)
            told += self._ended(told, now)
            for alert in told:
                metrics.ALERT_TRANSITIONS.labels(alert.rule, str(alert.status)).inc()
                log.info("alert", status=str(alert.status), rule=alert.rule, alert=alert.id, summary=alert.summary)
                for box in self._boxes:
                    box.add(alert)
            self._count()
            # Side by side: a receiver that is slow must not keep an alert from the topic.
            results = await asyncio.gather(*(box.flush() for box in self._boxes), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return told

    @property
    def unsent(self) -> dict[str, list[Alert]]:
        """What waits, by receiver (topic, webhook)."""
        return {box.name: list(box.waiting.values()) for box in self._boxes}

    def state(self) -> dict[str, Any]:
        """Everything that a later process needs to go on without telling or missing anything; only what JSON has."""
        unsent = {name: [alert.document() for alert in alerts] for name, alerts in self.unsent.items()}
        return dump(self._states) | {"unsent": unsent, "open": [alert.document() for alert in self._open.values()]}

    def _ended(self, told: Iterable[Alert], now: datetime) -> list[Alert]:
        """Keep account of what fires; the recoveries of what no rule judges any more, as after a restart."""
        for alert in told:
            if alert.status is Status.FIRING:
                self._open[alert.id] = alert
            else:
                self._open.pop(alert.id, None)
        names = {rule.name for rule in self._rules}
        gone = [alert for alert in self._open.values() if not stands(self._states, alert)]
        for alert in gone:
            del self._open[alert.id]
        return [alert.ended("rule changed" if alert.rule in names else "rule removed", now) for alert in gone]

    def _restore(self, saved: dict[str, Any]) -> None:
        self._states = restore(saved, self._rules)
        try:
            for box in self._boxes:
                for document in saved.get("unsent", {}).get(box.name, []):
                    box.add(Alert.read(document))
            self._open = {alert.id: alert for alert in map(Alert.read, saved.get("open", []))}
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ConfigurationError(
                f"the saved alerts hold one that cannot be read ({error!r}); delete them, which tells alerts that "
                "still fire once more"
            ) from error

    def _count(self) -> None:
        counts = firing(self._states)
        for rule in self._rules:
            metrics.ALERTS_FIRING.labels(rule.name).set(counts[rule.name])
