"""The states as JSON, so that a restart goes on where the last process stopped."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from streams.alerts.engine import Phase, Place, State, States
from streams.alerts.rule import Rule
from streams.errors import ConfigurationError

FORMAT = 1
MICROSECOND = timedelta(microseconds=1)


def dump(states: States) -> dict[str, Any]:
    """What `restore` reads; only what JSON has."""
    return {"format": FORMAT, "states": [_written(place, states[place]) for place in sorted(states)]}


def restore(document: dict[str, Any], rules: Sequence[Rule]) -> dict[Place, State]:
    """The states of the rules that are still declared. Raises ConfigurationError where it is not from `dump`."""
    names = {rule.name: rule for rule in rules}
    try:
        if document["format"] != FORMAT:
            raise ConfigurationError(
                f"the saved alerts have format {document['format']!r}, this version reads {FORMAT}: finish the "
                "upgrade, or delete them, which tells alerts that still fire once more"
            )
        found = dict(map(_read, document["states"]))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ConfigurationError(
            f"the saved alerts cannot be read ({error!r}); delete them, which tells alerts that still fire once more"
        ) from error
    # A rule may have been given another key, or lost its interest in absence, since.
    return {
        (name, key): replace(state, absent=state.absent and names[name].absent_after_seconds is not None)
        for (name, key), state in found.items()
        if name in names and names[name].matches(key)
    }


def _written(place: Place, state: State) -> dict[str, Any]:
    return {
        "rule": place[0],
        "key": [list(pair) for pair in place[1]],
        "phase": str(state.phase),
        "seen": _moment(state.seen),
        "since": _moment(state.since),
        "held_us": state.held // MICROSECOND,
        "last": _moment(state.last),
        "missing": state.missing,
        "absent": state.absent,
    }


def _read(row: dict[str, Any]) -> tuple[Place, State]:
    state = State(
        seen=datetime.fromisoformat(row["seen"]),
        phase=Phase(row["phase"]),
        since=row["since"] and datetime.fromisoformat(row["since"]),
        held=row["held_us"] * MICROSECOND,
        last=row["last"] and datetime.fromisoformat(row["last"]),
        missing=bool(row["missing"]),
        absent=bool(row["absent"]),
    )
    return (row["rule"], tuple((str(name), str(value)) for name, value in row["key"])), state


def _moment(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat()
