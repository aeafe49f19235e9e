"""The retention policy: classes of data with their days, read from a TOML file and held against the settings."""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from streams.errors import ConfigurationError
from streams.events.domains import DOMAINS
from streams.settings import Settings

SHIPPED = Path(__file__).with_name("retention.toml")

MARGIN_DAYS = 2
"""Rows outlive the oldest event that validation accepts, so that none can go before its batch was counted."""

EVER = "ever"
_KEYS = ("tables", "engines", "default", "hot", "cold", "archive", "coarse")
_SETTINGS = ("metrics_retention_days", "metrics_cold_days")


@dataclass(frozen=True, slots=True)
class Coarse:
    """Columns that lose their value with age, while the row stays."""

    after: int
    """Age in days."""
    columns: Mapping[str, tuple[str, ...]]
    """By table; nullable ones."""


@dataclass(frozen=True, slots=True)
class Class:
    """One class of data. Days are the age at which a row leaves a stage; None: never."""

    name: str
    hot: int | None
    cold: int | None = None
    archive: int | None = None
    has_cold: bool = False
    has_archive: bool = False
    tables: tuple[str, ...] = ()
    engines: tuple[str, ...] = ()
    is_default: bool = False
    coarse: Coarse | None = None

    @property
    def end(self) -> int | None:
        """Age in days at which rows leave ClickHouse, but for the margin; None: never."""
        return self.cold if self.has_cold else self.hot


@dataclass(frozen=True, slots=True)
class Rules:
    """All classes, and the source they were read from."""

    classes: tuple[Class, ...]
    source: str
    _by_table: dict[str, Class] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Index the classes by table."""
        object.__setattr__(self, "_by_table", {table: each for each in self.classes for table in each.tables})

    def of(self, table: str, engine: str) -> Class:
        """The class of a table: by its name, else by its engine, else the default one."""
        plain = engine.removeprefix("Shared").removeprefix("Replicated")
        named = self._by_table.get(table)
        return named or next(
            (each for each in self.classes if plain in each.engines),
            next(each for each in self.classes if each.is_default),
        )

    def coarse(self, table: str) -> Iterator[tuple[int, tuple[str, ...]]]:
        """Ages and columns that a table loses the values of."""
        for each in self.classes:
            if each.coarse is not None and table in each.coarse.columns:
                yield each.coarse.after, each.coarse.columns[table]


def load(settings: Settings) -> Rules:
    """The policy in force. Raises ConfigurationError that names the file, the class and the fault."""
    path = settings.retention_policy_file or SHIPPED
    try:
        return parse(path.read_text("utf-8"), settings, "shipped" if path == SHIPPED else str(path))
    except (OSError, UnicodeDecodeError, ConfigurationError) as error:
        raise ConfigurationError(f"retention policy {path}: {error}") from error


def parse(text: str, settings: Settings, source: str = "") -> Rules:
    """The policy of a file's text. Raises ConfigurationError."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"it is not TOML: {error}") from error
    classes = tuple(_class(name, entry, settings) for name, entry in document.items())
    _check_tables(classes)
    _check_raw(classes, settings)
    return Rules(classes, source)


def _class(name: str, entry: Any, settings: Settings) -> Class:
    if not isinstance(entry, dict):
        raise ConfigurationError(f"{name} is no table; write each class as [{name}] with its days below")
    if unknown := sorted(entry.keys() - set(_KEYS)):
        raise ConfigurationError(f"[{name}] has unknown keys {unknown}; there are {', '.join(_KEYS)}")
    if "hot" not in entry:
        raise ConfigurationError(f'[{name}] has no `hot`; give days, or "ever"')
    days = {stage: _days(name, stage, entry[stage], settings) for stage in ("hot", "cold", "archive") if stage in entry}
    _check_order(name, days)
    return Class(
        name,
        days["hot"],
        days.get("cold"),
        days.get("archive"),
        "cold" in days,
        "archive" in days,
        _names(name, "tables", entry.get("tables", [])),
        _names(name, "engines", entry.get("engines", [])),
        entry.get("default") is True,
        _coarse(name, entry["coarse"], settings) if "coarse" in entry else None,
    )


def _days(name: str, stage: str, value: Any, settings: Settings) -> int | None:
    if value == EVER:
        return None
    if isinstance(value, str) and value.lower() in _SETTINGS:
        return int(getattr(settings, value.lower()))
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        return value
    allowed = ", ".join(each.upper() for each in _SETTINGS)
    raise ConfigurationError(f'[{name}] {stage} = {value!r}: give days from 1, "ever", or one of {allowed}')


def _check_order(name: str, days: Mapping[str, int | None]) -> None:
    stages = list(days.items())
    for (before, less), (after, more) in pairwise(stages):
        if less is None or (more is not None and more < less):
            shown = EVER if less is None else less
            raise ConfigurationError(
                f"[{name}] {after} ends at {more}, before {before}, which ends at {shown}; days are ages, each stage "
                "ends later than the one before it"
            )


def _names(name: str, key: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise ConfigurationError(f"[{name}] {key} = {value!r}: give a list of names")
    return tuple(value)


def _coarse(name: str, value: Any, settings: Settings) -> Coarse:
    if not isinstance(value, dict) or value.keys() != {"after", "columns"} or not isinstance(value["columns"], dict):
        raise ConfigurationError(f"[{name}.coarse] has `after`, in days, and `columns.<table> = [names]`")
    after = _days(name, "coarse.after", value["after"], settings)
    if after is None:
        raise ConfigurationError(f"[{name}.coarse] after = {EVER!r}: leave the table out instead")
    columns = {table: _names(name, f"coarse.columns.{table}", each) for table, each in value["columns"].items()}
    return Coarse(after, columns)


def _check_tables(classes: Sequence[Class]) -> None:
    owners: dict[str, str] = {}
    for each in classes:
        for table in (*each.tables, *each.engines):
            if table in owners:
                raise ConfigurationError(f"{table} is in [{owners[table]}] and in [{each.name}]; name it in one class")
            owners[table] = each.name
    defaults = [each.name for each in classes if each.is_default]
    if len(defaults) != 1:
        raise ConfigurationError(f"{len(defaults)} classes have `default = true`; one has to take all other tables")


def _check_raw(classes: Sequence[Class], settings: Settings) -> None:
    """Events that validation accepts must not be due for the drop: what the stream may still feed is never dropped."""
    raw = {domain.raw_table for domain in DOMAINS.values()}
    for each in classes:
        if raw & set(each.tables) and each.end is not None and each.end < settings.metrics_cold_days:
            raise ConfigurationError(
                f"[{each.name}] ends at {each.end} days, but events up to METRICS_COLD_DAYS="
                f"{settings.metrics_cold_days} are accepted; lower the setting too, or raise the class"
            )
