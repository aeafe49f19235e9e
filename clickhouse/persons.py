"""Where a person's rows are: conditions in SQL over the columns that hold ids of persons."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from clickhouse_connect.driver.client import Client

from clickhouse.policy import PASSING
from streams.persons import PERSON_FIELDS

BYTES: Mapping[str, Sequence[str]] = {
    "dead_letters": ("key", "value", "message", "event_id"),
    "dead_letter_actions": ("value", "note"),
}
"""Tables that hold whole messages, in which an id may stand anywhere, and the columns that it may stand in."""
VISIT = "session_id"
"""The column that names a visit: of a browser or an app, before and after somebody has logged in."""
WINDOWS_TABLE = "metrics_realtime"
"""Holds keys of windows, of which some name a person or a visit."""

PORTION_BYTES = 64 << 10
"""Of the ids in one parameter: ClickHouse takes 128 KiB of it, and every character may have to be escaped."""

_BOUNDARY = "[^A-Za-z0-9_.@-]"


def columns(client: Client, database: str) -> dict[str, tuple[str, ...]]:
    """Per table the columns that hold ids of persons, read from the database; tables without any are left out."""
    rows = client.query(
        "SELECT c.table, groupArray(c.name) FROM system.columns AS c "
        "INNER JOIN system.tables AS t ON t.database = c.database AND t.name = c.table "
        "WHERE c.database = {database:String} AND c.name IN {names:Array(String)} AND t.engine LIKE '%MergeTree' "
        "AND NOT startsWith(c.table, {passing:String}) "
        "GROUP BY c.table ORDER BY c.table",
        parameters={"database": database, "names": list(PERSON_FIELDS), "passing": PASSING},
    ).result_rows
    return {str(table): tuple(sorted(map(str, names))) for table, names in rows}


def conditions(found: Mapping[str, Sequence[str]], windows: Sequence[str]) -> dict[str, str]:
    """Per table the condition that a row is of a person, with the parameter `person`, or for windows `keys`.

    `found`: see `columns`; `windows`: those whose key names a person or a visit.
    """
    known = {table: " OR ".join(f"`{name}` = {{person:String}}" for name in names) for table, names in found.items()}
    known |= {table: _in_bytes(names, table == "dead_letters") for table, names in BYTES.items()}
    if windows:
        names = ", ".join(f"'{name}'" for name in windows)
        known[WINDOWS_TABLE] = f"window IN ({names}) AND hasAny(key, {{keys:Array(String)}})"
    return known


def of_visits(names: Sequence[str]) -> str:
    """The condition that a row is of one of the visits of the parameter `visits`, and names nobody.

    `names`: the columns that hold ids of persons.
    """
    nobody = " AND ".join(f"ifNull(`{name}`, '') = ''" for name in names)
    return f"ifNull(`{VISIT}`, '') IN {{visits:Array(String)}} AND {nobody}"


def portions(ids: Iterable[str]) -> Iterator[list[str]]:
    """The ids in lists that each fit into one parameter of a statement; none where there are no ids."""
    portion: list[str] = []
    size = 0
    for each in ids:
        own = len(each.encode()) + 4  # quotes, comma and blank
        if portion and size + own > PORTION_BYTES:
            yield portion
            portion, size = [], 0
        portion.append(each)
        size += own
    if portion:
        yield portion


def in_domain(condition: str, columns: Sequence[str], domain: str) -> str:
    """The condition for one domain, in a table that several share."""
    if domain and "topic" in columns:
        return f"({condition}) AND startsWith(topic, '{domain}.')"
    if domain and "domain" in columns:
        return f"({condition}) AND domain = '{domain}'"
    return condition


def _in_bytes(names: Sequence[str], headers: bool) -> str:
    """The id as a word of its own, not as a part of another one: `user-1` is not in `user-12`."""
    pattern = f"concat('(^|{_BOUNDARY})', regexpQuoteMeta({{person:String}}), '($|{_BOUNDARY})')"
    texts = [f"match(`{name}`, {pattern})" for name in names]
    if headers:
        texts.append(f"arrayExists(h -> match(h.2, {pattern}), headers)")
    return " OR ".join(texts)
