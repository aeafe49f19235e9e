"""The state machine of every rule and key: ok, pending, firing, recovering, and whether readings come at all."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from streams.alerts.alert import Alert, Kind, Status, absent, beyond
from streams.alerts.reading import Key, Number, Observation
from streams.alerts.rule import Rule

AHEAD = timedelta(minutes=5)
"""A reading further ahead of the clock is passed over: everything up to its time would count as out of order."""
FORGET = timedelta(days=1)
"""A key that is well and of which nothing new came for so long is forgotten; it would only take memory."""

Place = tuple[str, Key]
"""Rule and key that have a state of their own."""


class Phase(StrEnum):
    """Where a rule stands for one key."""

    OK = "ok"
    PENDING = "pending"
    """Broken, but not for long enough."""
    FIRING = "firing"
    RECOVERING = "recovering"
    """Good again, but not for long enough: still an alert."""


@dataclass(frozen=True, slots=True)
class State:
    """All that is remembered of one rule and key."""

    seen: datetime
    """When, by the clock, the newest reading came; before the first one, when the watch began."""
    phase: Phase = Phase.OK
    since: datetime | None = None
    """The reading that first broke the rule, of the trouble that is pending or alerts."""
    held: timedelta = timedelta()
    """For how long the readings have said what the phase waits for, stretches without readings left out."""
    last: datetime | None = None
    """Time of the newest reading; an older one that comes late is passed over."""
    missing: bool = False
    """The newest news was that the value is not known."""
    absent: bool = False
    """Alerts because no reading comes; since `seen`."""

    @property
    def alerts(self) -> bool:
        """Whether its value is an alert that is not over."""
        return self.phase in (Phase.FIRING, Phase.RECOVERING)


States = Mapping[Place, State]


def look(
    rules: Sequence[Rule], states: States, observations: Iterable[Observation], now: datetime
) -> tuple[dict[Place, State], list[Alert]]:
    """Judge new readings, in any order, and who is absent: the states after it and what has to be told.

    The same readings again tell nothing. `now` is the clock, with a time zone; lengths are taken from the readings' own
    times, so that a look that comes late or a replay gives the same alerts, and only absence from the clock.
    """
    by_window: dict[str, list[Observation]] = {}
    for observation in observations:
        if observation.at <= now + AHEAD:
            by_window.setdefault(observation.window, []).append(observation)
    after: dict[Place, State] = {}
    told: list[Alert] = []
    for rule in rules:
        readings = _readings(rule, by_window.get(rule.window, ()))
        keys = {key for name, key in states if name == rule.name} | readings.keys()
        if not rule.by:
            # There is one key only, so that it can be absent before it was ever seen.
            keys.add(tuple(sorted(rule.key.items())))
        for key in sorted(keys):
            state = states.get((rule.name, key)) or State(seen=now)
            for at, value in readings.get(key, ()):
                state = _read(rule, key, state, at, value, now, told)
            state = _absence(rule, key, state, now, told)
            if not _forgettable(rule, state, now):
                after[rule.name, key] = state
    return after, told


def firing(states: States) -> Counter[str]:
    """How many alerts of each rule are not over."""
    return Counter(name for (name, _), state in states.items() for on in (state.alerts, state.absent) if on)


def stands(states: States, alert: Alert) -> bool:
    """Whether an alert that was told is one of these states still."""
    state = states.get((alert.rule, alert.key))
    return state is not None and (state.absent if alert.kind is Kind.ABSENCE else state.alerts)


def _readings(rule: Rule, observations: Iterable[Observation]) -> dict[Key, list[tuple[datetime, Number | None]]]:
    """What the rule judges, by key, oldest first: the measures of one moment make one value."""
    moments: dict[Key, dict[datetime, dict[str, Number | None]]] = {}
    for observation in observations:
        key = tuple(sorted(observation.key))
        if rule.matches(key) and observation.measure in rule.measures():
            moments.setdefault(key, {}).setdefault(observation.at, {})[observation.measure] = observation.known
    return {key: [(at, rule.value(found[at])) for at in sorted(found)] for key, found in moments.items()}


def _read(
    rule: Rule, key: Key, state: State, at: datetime, value: Number | None, now: datetime, told: list[Alert]
) -> State:
    """The state after one reading; appends to `told`."""
    if value is None:
        # Old news of nothing is passed over like any other.
        return state if state.last is not None and at < state.last else replace(state, missing=True)
    if state.last is not None and at <= state.last:
        return state
    if state.absent:
        told.append(absent(rule, Status.RECOVERED, key, state.seen, now))
    after = replace(_moved(rule, state, at, value), seen=now, last=at, missing=False, absent=False)
    if after.alerts and not state.alerts:
        told.append(beyond(rule, Status.FIRING, key, value, after.since or at, now))
    if state.alerts and not after.alerts:
        told.append(beyond(rule, Status.RECOVERED, key, value, state.since or at, now))
    return after


def _moved(rule: Rule, state: State, at: datetime, value: Number) -> State:
    """The next phase: begin to wait, wait on, arrive, or fall back."""
    well = replace(state, phase=Phase.OK, since=None, held=timedelta())
    waited = state.held + _stretch(rule, state, at)
    if state.alerts:
        if not rule.heals(value):
            return replace(state, phase=Phase.FIRING, held=timedelta())
        held = waited if state.phase is Phase.RECOVERING else timedelta()
        if held >= timedelta(seconds=rule.recover_for_seconds):
            return well
        return replace(state, phase=Phase.RECOVERING, held=held)
    if not rule.breaks(value):
        return well
    pending = state.phase is Phase.PENDING
    held, since = (waited, state.since) if pending else (timedelta(), at)
    if held >= timedelta(seconds=rule.for_seconds):
        return replace(state, phase=Phase.FIRING, since=since, held=timedelta())
    return replace(state, phase=Phase.PENDING, since=since, held=held)


def _stretch(rule: Rule, state: State, at: datetime) -> timedelta:
    """The time between the last reading and this one, if it may be counted: nothing is known of a gap."""
    if state.last is None or state.missing:
        return timedelta()
    length = at - state.last
    return length if length <= timedelta(seconds=rule.gap_seconds) else timedelta()


def _absence(rule: Rule, key: Key, state: State, now: datetime, told: list[Alert]) -> State:
    """Whether no reading has come for too long; appends to `told`."""
    if rule.absent_after_seconds is None or state.absent:
        return state
    if now - state.seen < timedelta(seconds=rule.absent_after_seconds):
        return state
    told.append(absent(rule, Status.FIRING, key, state.seen, now))
    return replace(state, absent=True)


def _forgettable(rule: Rule, state: State, now: datetime) -> bool:
    """Only one key of many, for which nothing is under way and whose absence nobody asked about."""
    quiet = state.phase is Phase.OK and now - state.seen >= FORGET
    return bool(rule.by) and quiet and rule.absent_after_seconds is None
