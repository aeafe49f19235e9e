"""Who is to be erased: the person, the visits of theirs that rows tell of, and the tables to look at."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

from clickhouse import persons
from clickhouse.archive.passing import Work
from clickhouse.cluster import is_sharded
from clickhouse.policy import create_queries
from clickhouse.retention import ttl


@dataclass(frozen=True)
class Person:
    """Who is to be erased, and from where."""

    id: str
    domain: str = ""
    """Empty: everywhere."""
    keys: tuple[str, ...] = field(default=())
    """Keys of windows that are the person's: the id, and the ids of visits."""
    visits: tuple[str, ...] = field(default=())
    """The visits in which nobody else is named."""


def visits(works: Sequence[Work], identity: str) -> set[str]:
    """The visits that rows of a person name. `works`: on every ClickHouse shard."""
    found: set[str] = set()
    for work, table, names in with_visits(works):
        theirs = " OR ".join(f"`{name}` = {{person:String}}" for name in names)
        rows = work.client.query(
            f"SELECT DISTINCT ifNull({persons.VISIT}, '') FROM {work.table(table.name)} WHERE {theirs}",
            parameters={"person": identity},
        ).result_rows
        found |= {str(visit) for (visit,) in rows if visit}
    return found


def shared(works: Sequence[Work], identity: str, visits: Collection[str]) -> set[str]:
    """Those of the visits in which somebody else is named."""
    found: set[str] = set()
    for work, table, names in with_visits(works) if visits else ():
        others = " OR ".join(f"ifNull(`{name}`, '') NOT IN ('', {{person:String}})" for name in names)
        for portion in persons.portions(sorted(visits)):
            rows = work.client.query(
                f"SELECT DISTINCT {persons.VISIT} FROM {work.table(table.name)} "
                f"WHERE ifNull({persons.VISIT}, '') IN {{visits:Array(String)}} AND ({others})",
                parameters={"person": identity, "visits": portion},
            ).result_rows
            found |= {str(visit) for (visit,) in rows}
    return found


def with_visits(works: Sequence[Work]) -> Iterator[tuple[Work, ttl.Live, tuple[str, ...]]]:
    """The tables that name both persons and visits, with the columns of the former."""
    for work, tables in places(works):
        for name, columns in persons.columns(work.client, work.database).items():
            if name in tables and persons.VISIT in work.columns(name):
                yield work, tables[name], columns


def places(works: Sequence[Work]) -> Iterator[tuple[Work, dict[str, ttl.Live]]]:
    """Each ClickHouse shard with the tables to look at there: those that every node has whole at the first one."""
    for number, work in enumerate(works):
        created = create_queries(work.client, work.database)
        if number and work.settings.clickhouse_cluster:
            created = {name: sql for name, sql in created.items() if is_sharded(sql)}
        yield work, {table.name: table for table in ttl.tables(created)}
