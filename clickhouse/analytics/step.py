"""A step: an event type, and what its events must say; checked against the events and tables that there are."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from clickhouse.analytics.journey import Span
from clickhouse.metrics.question import LONGEST_VALUE, MOST_VALUES
from clickhouse.metrics.sources import SOURCES
from streams.errors import QueryRefused
from streams.events import EventSpec, registry
from streams.events.domains import Domain
from streams.sampling import SAMPLED_TYPE
from streams.unknown import unknown

ROOM: Final = 16
"""Numbers that an event can have within its millisecond: those of steps, and the two below."""
OTHER: Final = 0
"""Number of an event that is no step."""
EXCLUDED: Final = ROOM - 1
"""Number of one that ends a journey: the last of its millisecond."""
_DIGITS: Final = 10_000_000_000_000
"""Added to milliseconds of the years 1970 to 2286, it gives them fourteen digits."""
_WORD: Final = re.compile(r"[a-z_]+")
_AGENT: Final = "user_agent"
"""The field that derived columns come from."""


@dataclass(frozen=True, slots=True)
class Step:
    """What an event must be."""

    event: str
    where: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Dimension and values, one of which it must have; all dimensions must hold."""

    def excludes(self, other: "Step") -> bool:
        """Whether no event can be both."""
        mine, theirs = dict(self.where), dict(other.where)
        return self.event != other.event or any(
            not {*mine[name]} & {*theirs[name]} for name in mine.keys() & theirs.keys()
        )

    def __str__(self) -> str:
        """As people read it."""
        told = [f"{name}:{'|'.join(values)}" for name, values in self.where]
        return f"{self.event} ({', '.join(told)})" if told else self.event


def ask(span: Span, event: str, where: Mapping[str, Sequence[str]]) -> Step:
    """The step that these words mean. Raises QueryRefused."""
    spec = _event(span, event)
    return Step(event, tuple((name, _values(spec, name, where[name])) for name in sorted(where)))


def named(*steps: Step, by: str = "") -> frozenset[str]:
    """Names of the dimensions that stand in steps, and of one that is broken down by."""
    return frozenset({name for step in steps for name, _ in step.where} | ({by} if by else set()))


def apart(steps: Sequence[Step], others: Sequence[Step] = ()) -> None:
    """Check that one event cannot be two different ones of the steps, nor a step and one of the others.

    Equal steps may be repeated. Raises QueryRefused.
    """
    pairs = [(one, two) for place, one in enumerate(steps) for two in steps[place + 1 :] if one != two]
    pairs += [(one, two) for one in steps for two in others]
    for one, two in pairs:
        if not one.excludes(two):
            raise QueryRefused(
                f"An event can be both {one} and {two}.",
                code="overlapping_steps",
                value=f"{one}, {two}"[:160],
                hint="Make them the same, or give both a dimension with values of which they share none.",
            )


def dimension(span: Span, name: str, steps: Sequence[Step]) -> str:
    """The name, if events of these steps can be told apart by it. Raises QueryRefused."""
    for step in steps:
        _known(registry.events[step.event], name)
    return name


def value_of(domain: Domain, name: str) -> str:
    """The expression of a dimension in the raw table, as text."""
    return f"toString({_dimensions(domain)[name]})"


def first_value(is_entry: str) -> str:
    """The aggregate of a person's `split` at the first event that is an entry; of several at that moment the least.

    Moment and value are compared as one text, moments with as many digits each: pairs are compared ten times as slowly.
    """
    return f"substring(minIf(concat(toString(ms + {_DIGITS}), split), {is_entry}), {len(str(_DIGITS)) + 1})"


def condition(domain: Domain, step: Step, name: str, values: dict[str, Any]) -> str:
    """The condition that a row is the step; what a reader sent goes to `values`, under names that begin with `name`."""
    values[name] = step.event
    found = [f"event_type = {{{name}:String}}"]
    for number, (dimension_name, wanted) in enumerate(step.where):
        values[f"{name}_{number}"] = list(wanted)
        found.append(f"{value_of(domain, dimension_name)} IN {{{name}_{number}:Array(String)}}")
    return f"({' AND '.join(found)})"


def numbered(
    domain: Domain, classes: Sequence[Step], excluded: Sequence[Step], values: dict[str, Any]
) -> tuple[str, str]:
    """The number of a row as an expression (the place among `classes`, from 1), and the condition that it has one."""
    known = [(condition(domain, step, f"is_{n}", values), n) for n, step in enumerate(classes, 1)]
    known += [(condition(domain, step, f"no_{n}", values), EXCLUDED) for n, step in enumerate(excluded, 1)]
    cases = ", ".join(f"{text}, {number}" for text, number in known)
    return f"toInt8(multiIf({cases}, {OTHER}))", f"({' OR '.join(text for text, _ in known)})"


def _event(span: Span, event: str) -> EventSpec:
    own = {spec.name: spec for spec in registry.of(span.domain) if spec.name != SAMPLED_TYPE and span.actor.does(spec)}
    if event in own:
        return own[event]
    raise unknown(f"No {span.actor.name} of {span.domain.name} does {{}}.", event, own, code="unknown_event")


def _values(spec: EventSpec, name: str, given: Sequence[str]) -> tuple[str, ...]:
    _known(spec, name)
    fitting = [value for value in given if len(value) <= LONGEST_VALUE and "\x00" not in value]
    if not 0 < len(fitting) == len(given) <= MOST_VALUES:
        raise QueryRefused(
            f"The values of {name!r} are too many or too long, or none.",
            code="bad_filter",
            value=name[:80],
            hint=f"Give 1 to {MOST_VALUES} values of {LONGEST_VALUE} characters at most.",
        )
    return tuple(sorted({*given}))


def _known(spec: EventSpec, name: str) -> None:
    known = dimensions(spec)
    if name not in known:
        raise unknown(f"{spec.name} has no dimension {{}}.", name, known, code="unknown_dimension")


@cache
def dimensions(spec: EventSpec) -> tuple[str, ...]:
    """The dimensions that events of a type have: those of the raw table whose columns the type fills."""
    columns = {column.name for column in spec.columns}
    if _AGENT in spec.fields:
        columns |= {column.name for column in spec.domain.derived}
    known = _dimensions(spec.domain)
    return tuple(name for name, expression in known.items() if columns & {*_WORD.findall(expression)})


def _dimensions(domain: Domain) -> Mapping[str, str]:
    own = SOURCES[domain.name, domain.raw_table].dimensions
    return {name: expression for name, expression in own.items() if expression != "event_type"}
