"""Alert rules as a TOML file: a table `[[rule]]` for each, with the fields of `Rule`."""

import tomllib
from dataclasses import MISSING, fields
from typing import Any

import msgspec

from streams.alerts.rule import Rule, unique
from streams.errors import ConfigurationError

_FIELDS = {field.name: field.default is MISSING and field.default_factory is MISSING for field in fields(Rule)}
"""Every field, and whether it must be there."""


def parse(text: str) -> tuple[Rule, ...]:
    """The rules of a file's text, none if it has none. Raises ConfigurationError that names the rule and its fault."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"it is not TOML: {error}") from error
    entries = document.pop("rule", [])
    if document or not isinstance(entries, list):
        raise ConfigurationError("it may hold tables [[rule]] and nothing else; docs/alerts.md shows one")
    rules = tuple(_rule(number, entry) for number, entry in enumerate(entries, 1))
    unique(rules)
    return rules


def _rule(number: int, entry: Any) -> Rule:
    given = set(entry) if isinstance(entry, dict) else set()
    missing = [name for name, needed in _FIELDS.items() if needed and name not in given]
    if unknown := sorted(given - _FIELDS.keys()):
        raise ConfigurationError(f"rule {number} has unknown fields {unknown}; there are {', '.join(_FIELDS)}")
    if missing:
        raise ConfigurationError(f"rule {number} has no {', '.join(missing)}")
    try:
        return msgspec.convert(entry, Rule)
    except msgspec.ValidationError as error:
        raise ConfigurationError(f"alert rule {entry['name']!r}: {error}") from error
