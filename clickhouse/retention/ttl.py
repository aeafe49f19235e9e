"""What the tables' TTL and storage policy have to be, and the statements that make them so."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from clickhouse.retention.rules import MARGIN_DAYS, Class, Rules
from streams.settings import Settings

COLD = "cold"
"""The volume of the cold tier; the hot one is whatever else the storage policy has."""

Held = Callable[[str], bool]
"""Whether a legal hold touches a table."""

_ENGINE = re.compile(r"\bENGINE = (\w+)")
_PARTITION = re.compile(r"\bPARTITION BY (.+?) (?:PRIMARY KEY|ORDER BY) ")
_ORDERED_TTL = re.compile(r"\bORDER BY .+? TTL (.+?)(?= SETTINGS | COMMENT |$)")
_POLICY = re.compile(r"\bstorage_policy = '(\w+)'")
_DAY = re.compile(r"(?:(toDate|toYYYYMM|toYYYYMMDD|toMonday|toStartOfWeek|toStartOfMonth)\()?`?([A-Za-z_]\w*)`?\)?")
DEFAULT_POLICY = "default"


@dataclass(frozen=True, slots=True)
class Live:
    """A table as its CREATE statement shows it."""

    name: str
    engine: str
    column: str | None
    """The column whose day, or month, is the partition; None where the partition is nothing of the kind."""
    ttl: str
    storage_policy: str
    function: str = ""
    """Of the partition: what makes a day, week or month of the column."""

    @property
    def day(self) -> str:
        """The day of a row, as SQL."""
        return f"toDate({self.column})"


@dataclass(frozen=True, slots=True)
class Change:
    """One thing about a table that is not as the policy says, and what makes it so."""

    table: str
    what: str
    statement: str
    """With `{database}` not yet filled in."""


def read(name: str, sql: str) -> Live | None:
    """A table by its CREATE statement; None for one that keeps no rows of its own."""
    engine = _ENGINE.search(sql)
    if engine is None or not engine[1].endswith("MergeTree"):
        return None
    partition, ttl, policy = _PARTITION.search(sql), _ORDERED_TTL.search(sql), _POLICY.search(sql)
    day = _DAY.fullmatch(partition[1]) if partition else None
    return Live(
        name,
        engine[1],
        day[2] if day else None,
        ttl[1].strip() if ttl else "",
        policy[1] if policy else DEFAULT_POLICY,
        day[1] or "" if day else "",
    )


def tables(create_queries: Mapping[str, str]) -> Iterator[Live]:
    """Those that keep rows, in the order given."""
    for name, sql in create_queries.items():
        if (live := read(name, sql)) is not None:
            yield live


def is_kept(kind: Class, live: Live) -> bool:
    """Whether a table's rows never go: by its class, or since its partitions are no days that could be told apart."""
    return kind.end is None or live.column is None


def is_dropped_by_job(kind: Class, settings: Settings) -> bool:
    """Whether rows are dropped by the archive job, after they were read back, and never by a TTL."""
    return kind.has_archive and settings.archive_url is not None


def wanted(live: Live, kind: Class, settings: Settings, held: bool) -> str:
    """The TTL that a table has to have, as ClickHouse writes it; empty for none."""
    parts = []
    if live.column is None:
        return ""
    if kind.has_cold and kind.hot is not None and settings.clickhouse_storage_policy:
        parts.append(f"{live.day} + toIntervalDay({kind.hot}) TO VOLUME '{COLD}'")
    if kind.end is not None and not held and not is_dropped_by_job(kind, settings):
        parts.append(f"{live.day} + toIntervalDay({kind.end + MARGIN_DAYS})")
    return ", ".join(parts)


def drops(text: str) -> bool:
    """Whether a TTL lets rows go, and not only move.

    >>> drops("toDate(a) + toIntervalDay(9) TO VOLUME 'cold'"), drops("toDate(a) + toIntervalDay(9)")
    (False, True)
    """
    return any(part and " TO VOLUME " not in part for part in text.split(", "))


def changes(create_queries: Mapping[str, str], rules: Rules, settings: Settings, held: Held) -> Iterator[Change]:
    """What has to change so that tables with these CREATE statements follow the policy."""
    for live in tables(create_queries):
        kind = rules.of(live.name, live.engine)
        policy, prefix = settings.clickhouse_storage_policy, f"ALTER TABLE {{database}}.{live.name}"
        # Only a table that moves needs the policy; one that has it keeps it, for its parts may lie anywhere.
        if policy and kind.has_cold and live.column is not None and live.storage_policy != policy:
            what = f"its storage policy is {live.storage_policy}, not {policy}"
            yield Change(live.name, what, f"{prefix} MODIFY SETTING storage_policy = '{policy}'")
        ttl = wanted(live, kind, settings, held(live.name))
        if ttl != live.ttl:
            what = f"its TTL is `{live.ttl or 'none'}`, not `{ttl or 'none'}`"
            yield Change(live.name, what, f"{prefix} MODIFY TTL {ttl}" if ttl else f"{prefix} REMOVE TTL")
