"""A rule as it is declared: what is measured, when that is an alert, when it is over, and how it is told."""

import math
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from difflib import get_close_matches
from typing import Literal, get_args

from streams.alerts.reading import Key, Number, text_of
from streams.errors import ConfigurationError

Severity = Literal["info", "warning", "critical"]
Readings = Mapping[str, Mapping[str, Mapping[str, Collection[str]]]]
"""By window and measure the names in the key of its readings, none for a total; of each its values, none if open."""

NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
NEAREST = 5
"""Windows and values that are named to one who asked for another."""
PLACES = ("rule", "window", "measure", "key", "value", "threshold")
"""What a summary may name in braces."""


@dataclass(frozen=True, slots=True)
class Ratio:
    """The sum of some measures over the sum of others: `Ratio(("failed",), ("succeeded", "failed"), least=20)`."""

    numerator: tuple[str, ...]
    denominator: tuple[str, ...]
    least: Number = 1
    """Below this denominator there is too little to judge: the ratio counts as not known."""

    def __post_init__(self) -> None:
        for side in (self.numerator, self.denominator):
            if not isinstance(side, tuple) or not side:
                raise ConfigurationError(f"a ratio has {side!r} on one side; write a tuple of measures: ('failed',)")
        if not 0 < self.least < math.inf:
            raise ConfigurationError(f"{self} has least={self.least}; set a number above 0, for nothing divides by 0")

    def __str__(self) -> str:
        """`failed / (succeeded + failed)`."""
        over, under = (" + ".join(side) for side in (self.numerator, self.denominator))
        return " / ".join(f"({side})" if " " in side else side for side in (over, under))

    def of(self, values: Mapping[str, Number | None]) -> float | None:
        """The ratio; None if one of the measures is not known or the denominator is below `least`."""
        sums = []
        for side in (self.numerator, self.denominator):
            known = [value for name in side if (value := values.get(name)) is not None]
            if len(known) < len(side):
                return None
            sums.append(math.fsum(map(float, known)))
        return sums[0] / sums[1] if sums[1] >= self.least else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """An alert that is declared in one line. Raises ConfigurationError that names the rule and what to change."""

    name: str
    """Words of small letters and digits joined by `-`; unique, for it names the alert everywhere."""
    window: str
    measure: str | Ratio
    key: Mapping[str, str] = field(default_factory=dict)
    """Only readings with these names and values; with `by` these are all the names that a reading may have."""
    by: tuple[str, ...] = ()
    """Further names of the key: each of their values is watched, and alerts, by itself."""
    above: Number | None = None
    """The rule is broken while the value is above this..."""
    below: Number | None = None
    """... or below this; one of the two."""
    recover: Number | None = None
    """Where a firing alert begins to recover; between this and the threshold nothing changes. Unset: the threshold."""
    for_seconds: float = 0
    """How long every reading must break the rule before it fires."""
    recover_for_seconds: float = 0
    """How long every reading must be on the good side of `recover` before it is over."""
    gap_seconds: float = 600
    """Two readings further apart are not one stretch: the time between them counts neither as broken nor as good."""
    absent_after_seconds: float | None = None
    """Alert if there is no newer reading for so long, by the clock. Unset: never."""
    severity: Severity = "warning"
    summary: str
    """One sentence; may name `PLACES` in braces, with a format: `{value:.1%} of payments fail`."""

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name) or len(self.name) > 64:
            raise self._wrong("its name must be words of small letters and digits, joined by '-', 64 letters at most")
        if not self.window or not self.measure:
            raise self._wrong(f"window={self.window!r} measure={self.measure!r}: name both")
        if not isinstance(self.by, tuple):
            raise self._wrong(f"by={self.by!r}; write a tuple of names: ('currency',)")
        if doubled := set(self.key) & set(self.by):
            raise self._wrong(f"{sorted(doubled)} stand in key and in by; a name has one value, or each")
        if self.severity not in get_args(Severity):
            raise self._wrong(f"severity={self.severity!r}; choose one of {', '.join(get_args(Severity))}")
        self._check_thresholds()
        self._check_seconds()
        try:
            for number in (0.5, 1, Decimal("0.5")):
                self.tell((), number)
        except (LookupError, ValueError, AttributeError, TypeError) as error:
            raise self._wrong(f"summary={self.summary!r} cannot be filled in ({error!r}); use {PLACES}") from None

    @property
    def threshold(self) -> Number | None:
        """`above` or `below`; None where only absence alerts."""
        return self.below if self.above is None else self.above

    def matches(self, key: Key) -> bool:
        """Whether readings with this key are this rule's business."""
        names = dict(key)
        return names.keys() == {*self.key, *self.by} and all(names[name] == self.key[name] for name in self.key)

    def measures(self) -> tuple[str, ...]:
        """Every measure that it needs."""
        if isinstance(self.measure, Ratio):
            return tuple(dict.fromkeys(self.measure.numerator + self.measure.denominator))
        return (self.measure,)

    def value(self, values: Mapping[str, Number | None]) -> Number | None:
        """What is judged, from the measures of one moment."""
        return self.measure.of(values) if isinstance(self.measure, Ratio) else values.get(self.measure)

    def breaks(self, value: Number) -> bool:
        """Whether the value is on the wrong side of the threshold; on it is still right."""
        if self.above is not None:
            return value > self.above
        return self.below is not None and value < self.below

    def heals(self, value: Number) -> bool:
        """Whether the value is on the good side of `recover`, or on it."""
        if self.above is not None:
            return value <= (self.above if self.recover is None else self.recover)
        if self.below is not None:
            return value >= (self.below if self.recover is None else self.recover)
        return True

    def tell(self, key: Key, value: Number) -> str:
        """The summary of one alert."""
        threshold = 0 if self.threshold is None else self.threshold
        facts = (self.name, self.window, str(self.measure), text_of(key), value, threshold)
        return self.summary.format(**dict(zip(PLACES, facts, strict=True)))

    def _check_thresholds(self) -> None:
        if self.above is not None and self.below is not None:
            raise self._wrong("it has above and below; declare two rules")
        if self.threshold is None and (self.absent_after_seconds is None or self.recover is not None):
            raise self._wrong("it has no threshold; set above or below, or absent_after_seconds alone")
        for name, number in (("threshold", self.threshold), ("recover", self.recover)):
            if number is not None and not math.isfinite(number):
                raise self._wrong(f"{name}={number}; set a finite number")
        if self.recover is not None and self.breaks(self.recover):
            side = "at most" if self.above is not None else "at least"
            raise self._wrong(f"recover={self.recover} would be an alert itself; set {side} {self.threshold}")

    def _check_seconds(self) -> None:
        for name in ("for_seconds", "recover_for_seconds"):
            if not 0 <= getattr(self, name) < math.inf:
                raise self._wrong(f"{name}={getattr(self, name)}; set 0 or more seconds")
        for name in ("gap_seconds", "absent_after_seconds"):
            seconds = getattr(self, name)
            if seconds is not None and not 0 < seconds < math.inf:
                raise self._wrong(f"{name}={seconds}; set more than 0 seconds")

    def _wrong(self, what: str) -> ConfigurationError:
        return ConfigurationError(f"alert rule {self.name!r}: {what}")


def unique(rules: Iterable[Rule]) -> None:
    """Raises ConfigurationError where two rules have one name."""
    if doubled := [name for name, times in Counter(rule.name for rule in rules).items() if times > 1]:
        raise ConfigurationError(f"two alert rules are called {', '.join(doubled)}; rename one of each")


def check(rules: Sequence[Rule], known: Readings) -> None:
    """Every rule reads what exists. Raises ConfigurationError naming all that do not, and what there is."""
    unique(rules)
    wrong = [fault for rule in rules for fault in _faults(rule, known)]
    if wrong:
        raise ConfigurationError(f"{len(wrong)} alert rule(s) read what does not exist:\n  " + "\n  ".join(wrong))


def _faults(rule: Rule, known: Readings) -> Iterator[str]:
    measures = known.get(rule.window)
    if measures is None:
        near = get_close_matches(rule.window, known, NEAREST, 0) or ["none"]
        yield f"{rule.name}: no window {rule.window!r}; the nearest are {', '.join(near)}"
    elif missing := [name for name in rule.measures() if name not in measures]:
        has = ", ".join(sorted(measures)) or "none"
        yield f"{rule.name}: no measure {', '.join(missing)} in {rule.window}; it has {has}"
    else:
        for name in rule.measures():
            yield from _faults_of_key(rule, name, measures[name])


def _faults_of_key(rule: Rule, measure: str, known: Mapping[str, Collection[str]]) -> Iterator[str]:
    asked = {*rule.key, *rule.by}
    if asked != set(known):
        yield (
            f"{rule.name}: the key of {measure} in {rule.window} is {_listed(known)}, but `key` and `by` "
            f"name {_listed(sorted(asked))}; name all of it, or read another window"
        )
        return
    for name, value in rule.key.items():
        if known[name] and value not in known[name]:
            yield (
                f"{rule.name}: no reading of {measure} in {rule.window} has {name}={value!r}; "
                f"set {name} to {_nearest(value, known[name])}, or name it in `by`"
            )


def _nearest(value: str, known: Collection[str]) -> str:
    """What could have been meant; all of it where that is little."""
    if len(known) <= NEAREST:
        return " or ".join(known)
    folded = {each.casefold(): each for each in known}
    near = get_close_matches(value.casefold(), folded, NEAREST, 0)
    return f"one of {len(known)} values, the nearest of which are {', '.join(folded[each] for each in near)}"


def _listed(names: Collection[str]) -> str:
    return ", ".join(names) or "empty (a total)"
