"""Whose events are looked at, and from when to when: what every question of product analytics shares."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from clickhouse.metrics import question
from streams.errors import QueryRefused
from streams.events import EventSpec
from streams.events.domains import DOMAINS, RIDES, TICKETING, Domain
from streams.sampling import SAMPLED_TYPE
from streams.unknown import unknown

LONGEST: Final = timedelta(days=366)
"""Longest window."""
IN_RANGE: Final = "occurred_at >= {since:DateTime64(3, 'UTC')} AND occurred_at < {until:DateTime64(3, 'UTC')}"
"""The part of the condition of `rows` that says when."""
_DURATION: Final = re.compile(r"(\d{1,6})([smhdw])")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@dataclass(frozen=True, slots=True)
class Actor:
    """Whose journey it is: a person, or one of the parts that a person plays."""

    name: str
    expression: str
    """The id in a row of the raw table; empty where it has none."""
    fields: tuple[str, ...]
    """Fields of an event that name it."""
    is_plain: bool = False
    """Whether the first field is the id of every event that has it, in a column that holds no NULL."""

    def does(self, spec: EventSpec) -> bool:
        """Whether events of this type name one."""
        return any(name in spec.fields for name in self.fields)

    def in_all(self, events: Iterable[EventSpec]) -> "Actor":
        """The same where only these events are looked at: if each must have the first field, no other is read.

        Reading ids is most of what a funnel costs, and no booking needs those of drivers.
        """
        name = self.fields[0]
        has = all(name in spec.fields and spec.fields[name].is_required() for spec in events)
        return replace(self, expression=name) if has and self.is_plain else self


ACTORS: Final[Mapping[str, tuple[Actor, ...]]] = {
    RIDES.name: (
        Actor("person", "if(user_id = '', ifNull(driver_id, ''), user_id)", ("user_id", "driver_id"), is_plain=True),
        Actor("driver", "ifNull(driver_id, '')", ("driver_id",)),
    ),
    TICKETING.name: (
        Actor("person", "ifNull(user_id, ifNull(session_id, ''))", ("user_id", "session_id")),
        Actor("session", "ifNull(session_id, '')", ("session_id",)),
    ),
}
"""Of each domain, the usual one first."""


@dataclass(frozen=True, slots=True)
class Span:
    """Whose journeys, and in which time they begin."""

    domain: Domain
    actor: Actor
    begin: datetime
    """In UTC."""
    end: datetime
    """In UTC; not part of the time."""
    zone: ZoneInfo

    @property
    def end_ms(self) -> int:
        """The end in milliseconds since 1970, as events have their time."""
        return milliseconds(self.end)


def ask(domain: str, of: str = "", begin: str = "", end: str = "", zone: str = "", now: datetime | None = None) -> Span:
    """The span that these words mean; times as `clickhouse.metrics.question.ask` takes them. Raises QueryRefused."""
    found = DOMAINS[choice("domain", domain, DOMAINS)]
    actors = {actor.name: actor for actor in ACTORS[found.name]}
    actor = actors[choice("of", of or next(iter(actors)), actors)]
    return Span(found, actor, *question.span(found, begin, end, zone, now))


def rows(span: Span, begin: datetime, until: datetime) -> tuple[str, dict[str, Any]]:
    """The condition that a row is of a journey and of this time, as SQL, and its parameters.

    Positions are no part of a journey: they are sampled.
    """
    values: dict[str, Any] = {"since": moment(begin), "until": moment(until), "sampled": SAMPLED_TYPE}
    return f"{IN_RANGE} AND {span.actor.expression} != '' AND event_type != {{sampled:String}}", values


def moment(at: datetime) -> str:
    """A time in UTC as a parameter of type DateTime64(3, 'UTC')."""
    return f"{at:%Y-%m-%d %H:%M:%S}.{at.microsecond // 1000:03d}"


def milliseconds(at: datetime) -> int:
    """Milliseconds since 1970."""
    return round(at.timestamp() * 1000)


def duration(name: str, text: str) -> int:
    """A length of time such as 30m or 7d, in milliseconds; a day has 24 hours. Raises QueryRefused."""
    found = _DURATION.fullmatch(text.strip())
    length = timedelta(**{_UNITS[found[2]]: int(found[1])}) if found else timedelta()
    if timedelta() < length <= LONGEST:
        return length // timedelta(milliseconds=1)
    raise QueryRefused(
        f"{name!r} is {text[:80]!r}, which is no length of time that can be asked for.",
        code="bad_window",
        value=text[:80],
        hint=f"Write 90s, 30m, 12h, 7d or 2w, {LONGEST.days}d at most.",
    )


def choice(name: str, given: str, known: Iterable[str]) -> str:
    """The word, if it is one of the known ones. Raises QueryRefused."""
    words = [*known]
    if given in words:
        return given
    raise unknown(f"{name!r} is {{}}.", given, words, code=f"bad_{name}")


def whole(name: str, value: int, least: int, most: int) -> int:
    """The number, if it lies between the two. Raises QueryRefused."""
    if least <= value <= most:
        return value
    raise QueryRefused(
        f"{name!r} is {value}.", code=f"bad_{name}", value=str(value)[:80], hint=f"Give {least:,} to {most:,}."
    )
