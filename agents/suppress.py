"""Drops the events of persons who were erased; whose they are is known by pseudonym alone."""

from collections.abc import Sequence
from typing import Any, Protocol

from clickhouse.suppressions import Listed, Suppressions
from streams.persons import PERSON_FIELDS, Pseudonyms
from streams.settings import Settings

REMEMBERED = 200_000
"""Persons whose answer is kept, so that their id is hashed once."""


class Suppressor(Protocol):
    """Says whose events are dropped."""

    def indexes(self, events: Sequence[Any], domain: str) -> set[int]:
        """Positions of the events that name such a person."""

    def has_key(self, key: bytes | None, domain: str) -> bool:
        """Whether a record's key is the id of such a person: all that is known of a record that cannot be read."""


class Nobody:
    """Nobody was erased."""

    def indexes(self, events: Sequence[Any], domain: str) -> set[int]:
        """None."""
        return set()

    def has_key(self, key: bytes | None, domain: str) -> bool:
        """No."""
        return False


NOBODY = Nobody()


class Suppressed:
    """The list as this worker last read it."""

    def __init__(self, suppressions: Suppressions, pseudonyms: Pseudonyms | None) -> None:
        self._suppressions = suppressions
        self._pseudonyms = pseudonyms
        self._listed = Listed()
        self._answers: dict[tuple[str, str], bool] = {}
        self._fields: dict[type, tuple[str, ...]] = {}

    async def look(self) -> str | None:
        """Read the list anew; returns why nothing may be judged by it, or None. Raises SinkUnavailable."""
        listed = await self._suppressions.read()
        if listed != self._listed:
            self._listed, self._answers = listed, {}
        if not listed.pseudonyms:
            return None
        if self._pseudonyms is None:
            return "events of erased persons are to be dropped, but ERASURE_KEY is not set; set it and restart"
        if listed.keys != {self._pseudonyms.fingerprint}:
            return "persons were erased under another ERASURE_KEY than this worker has; give it that one and restart"
        return None

    def indexes(self, events: Sequence[Any], domain: str) -> set[int]:
        """Positions of the events that name a person of the list."""
        if not self._listed.pseudonyms:
            return set()
        found = set()
        for index, event in enumerate(events):
            for name in self._names(event):
                person = getattr(event.data, name)
                if person is not None and self._has(person, domain):
                    found.add(index)
        return found

    def has_key(self, key: bytes | None, domain: str) -> bool:
        """Whether a record's key is the id of a person of the list."""
        return bool(self._listed.pseudonyms and key and self._has(key.decode("utf-8", "replace"), domain))

    def _names(self, event: Any) -> tuple[str, ...]:
        kind = type(event)
        known = self._fields.get(kind)
        if known is None:
            known = self._fields[kind] = tuple(name for name in PERSON_FIELDS if name in event.spec.fields)
        return known

    def _has(self, person: str, domain: str) -> bool:
        known = self._answers.get((person, domain))
        if known is None:
            assert self._pseudonyms is not None, "nothing is judged before `look` has said that it may"
            listed = self._listed.pseudonyms
            known = any((self._pseudonyms.of(person, each), each) in listed for each in ("", domain))
            if len(self._answers) >= REMEMBERED:
                self._answers.clear()
            self._answers[person, domain] = known
        return known


def pseudonyms_of(settings: Settings) -> Pseudonyms | None:
    """The pseudonyms that the settings' key makes; None without one. Raises ConfigurationError."""
    key = settings.erasure_key
    return Pseudonyms(key.get_secret_value()) if key is not None else None
