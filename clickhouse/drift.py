"""The live schema against `structure.sql`: every table, column, engine and view, each difference by its name."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from clickhouse import cluster as clusters
from clickhouse import statements

STRUCTURE = Path(__file__).parent / "structure.sql"

_NAME = re.compile(r"CREATE (?:TABLE|VIEW|MATERIALIZED VIEW) \S+?\.(\w+)")
_COLUMN = re.compile(r"    `([^`]+)` (.*?),?$")
# No drift: what follows the settings (clickhouse/policy.py; `millrace retention check` holds TTLs), who made a view.
_NEUTRAL = (
    (re.compile(r"\nTTL [^\n]*"), ""),
    (re.compile(r"storage_policy = '[^']*', |, storage_policy = '[^']*'"), ""),
    (re.compile(r", fsync_(?:after_insert|part_directory) = [01]"), ""),
    (re.compile(r"(?:\n| )DEFINER = \S+ SQL SECURITY \w+"), ""),
    (re.compile(r" ON CLUSTER \w+"), ""),
    (re.compile(r" UUID '[^']*'"), ""),
)


def drift(live: str, database: str, cluster: str | None = None, expected: str | None = None) -> list[str]:
    """What differs in `live`, a dump by `clickhouse.structure`, from `structure.sql` or `expected`; empty if nothing.

    >>> wanted = "CREATE TABLE {database}.t\\n(\\n    `x` UInt8\\n)\\nENGINE = Log"
    >>> drift(wanted.replace("UInt8", "UInt16"), "m", expected=wanted)
    ['t.x is `UInt16`, not `UInt8`']
    """
    text = STRUCTURE.read_text(encoding="utf-8") if expected is None else expected
    wanted = _objects([clusters.render(sql, database, cluster) for sql in statements.split(text)])
    # Not rendered: a replicated table's path has braces of its own.
    found = _objects([sql.replace("{database}", database) for sql in statements.split(live)])
    missing = [f"{name} is missing" for name in wanted.keys() - found.keys()]
    more = [f"{name} is not one of ours" for name in found.keys() - wanted.keys()]
    differing = [
        line for name in sorted(wanted.keys() & found.keys()) for line in _differences(name, found[name], wanted[name])
    ]
    return [*sorted(missing), *sorted(more), *differing]


def _objects(creations: Sequence[str]) -> dict[str, str]:
    """CREATE statements by the name of what they make, without what may differ."""
    found = {}
    for sql in creations:
        for pattern, neutral in _NEUTRAL:
            sql = pattern.sub(neutral, sql)
        if name := _NAME.match(sql):
            found[name[1]] = sql
    return found


def _differences(name: str, found: str, wanted: str) -> list[str]:
    """Columns first, then all other lines: engine, keys, settings, a view's query."""
    if found == wanted:
        return []
    have, ours = _columns(found), _columns(wanted)
    lines = [f"{name}.{column} is missing" for column in ours if column not in have]
    lines += [f"{name}.{column} is not one of ours" for column in have if column not in ours]
    lines += [
        f"{name}.{column} is `{have[column]}`, not `{ours[column]}`"
        for column in ours
        if column in have and have[column] != ours[column]
    ]
    rest, our_rest = _rest(found), _rest(wanted)
    lines += [f"{name} lacks `{line.strip()}`" for line in our_rest if line not in rest]
    lines += [f"{name} has `{line.strip()}`" for line in rest if line not in our_rest]
    return lines or [f"{name} has its columns or lines in another order"]


def _columns(sql: str) -> Mapping[str, str]:
    return {match[1]: match[2] for line in sql.splitlines() if (match := _COLUMN.match(line))}


def _rest(sql: str) -> list[str]:
    return [line.rstrip(",") for line in sql.splitlines() if not _COLUMN.match(line)]
