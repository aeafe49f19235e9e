"""The cluster form of the schema: the same statements, replicated and on every node, and tables that read all of them.

Two databases hold it. The product's own, `{database}`, has the local tables and views of each node, under the names
that they have on a single server: the stream inserts there and its witness reads there, so nothing of the delivery
differs. `{database}_all` has a table for each of them, under the same name, that reads the whole cluster.

Where rows lie:
- *Sharded*: what the stream feeds. Each ClickHouse shard holds the rows of its Kafka shards: n lies on n mod N. A Kafka
  shard holds what the Kafka key hashes to, which is the acting person, so all events of a person lie together.
- *Everywhere*: what people and jobs write (holds, audits, the log of migrations): every node holds every row.
"""

import re

from clickhouse import statements
from streams.errors import ConfigurationError

ALL = "_all"
"""What the name of the reading database ends with."""

SHARDED = ("/clickhouse/tables/{uuid}/{shard}", "{replica}")
"""Path and name of a replica in the Keeper. By uuid: a table may be renamed or swapped, and made again at once."""
EVERYWHERE = ("/clickhouse/tables/{uuid}/all", "{shard}-{replica}")

_NAME = r"(?:[\w`]+\.)?[\w`]+"
_KINDS = "TABLE|VIEW|MATERIALIZED VIEW|DICTIONARY|DATABASE"
_NAMED = re.compile(
    rf"(?:CREATE (?:OR REPLACE )?(?:{_KINDS})(?: IF NOT EXISTS)?|DROP (?:{_KINDS})(?: IF EXISTS)?|ALTER TABLE"
    rf"|TRUNCATE TABLE(?: IF EXISTS)?|OPTIMIZE TABLE) {_NAME}".replace(" ", r"\s+"),
    re.IGNORECASE,
)
_AT_END = re.compile(r"(?:RENAME\s+TABLE|EXCHANGE\s+TABLES)\s", re.IGNORECASE)
_CREATE_TABLE = re.compile(r"CREATE\s+(?:OR\s+REPLACE\s+)?TABLE\s", re.IGNORECASE)
_CREATED = re.compile(r"CREATE (?P<kind>TABLE|VIEW|MATERIALIZED VIEW) \w+\.(?P<name>\w+)")
_ENGINE = re.compile(r"\bENGINE\s*=\s*(\w+)(\s*\()?", re.IGNORECASE)
_REPLICATED = re.compile(r"\bENGINE = Replicated(\w*MergeTree)\('[^']*', '[^']*'(?:, )?")
_REFRESHED = re.compile(r"\bREFRESH\s+(?:EVERY|AFTER)\b", re.IGNORECASE)
_SHARD = re.compile(r"[(,]\s*`?shard`?\s+UInt16\b")
_WINDOW = "deduplication_window = "
_WITHOUT_ROWS = frozenset({"Null", "View", "Alias", "Distributed", "Merge"})


def render(sql: str, database: str, cluster: str | None) -> str:
    """`sql` with the database filled in, in the form of a cluster if one is named. Raises as `form` does."""
    filled = statements.render(sql, database)
    return form(filled, cluster) if cluster else filled


def form(sql: str, cluster: str) -> str:
    """One statement of the single-node form, its database filled in, as the cluster executes it.

    Raises ConfigurationError for a cluster's name that needs quotes, and for a statement that would not do on every
    node what it does on one.

    >>> form("DROP TABLE IF EXISTS m.t SYNC", "prod")
    'DROP TABLE IF EXISTS m.t ON CLUSTER prod SYNC'
    """
    check_name(cluster)
    masked = statements.masked(sql)
    if _REFRESHED.search(masked):
        raise _unfit(sql, "a refreshed view would refresh on every node; let a job fill the table instead")
    if named := _NAMED.match(masked):
        return _replicated(sql[: named.end()] + f" ON CLUSTER {cluster}" + sql[named.end() :])
    if _AT_END.match(masked):
        return f"{sql} ON CLUSTER {cluster}"
    raise _unfit(
        sql, "it is no CREATE, ALTER, DROP, TRUNCATE, OPTIMIZE, RENAME or EXCHANGE; teach clickhouse/cluster.py"
    )


def beside(create: str, name: str) -> str:
    """The statement that makes a table like another one of its database, which keeps its rows on this node alone.

    `create` is what `system.tables` says of the other one. Parts of such a table may take the place of its parts.

    >>> beside("CREATE TABLE m.t (`x` UInt8) ENGINE = ReplicatedReplacingMergeTree('/p', '{replica}', x)", "u")
    'CREATE TABLE m.u (`x` UInt8) ENGINE = ReplacingMergeTree(x)'
    """
    return _REPLICATED.sub(r"ENGINE = \1(", re.sub(r"(?<=^CREATE TABLE )(\w+)\.[\w`]+", rf"\1.{name}", create), count=1)


def is_sharded(create: str) -> bool:
    """Whether the table of this CREATE statement lies on the shard of its rows, instead of everywhere."""
    return _WINDOW in create or _SHARD.search(create) is not None


def reading(name: str, engine: str, create: str, select: str, database: str, cluster: str) -> str | None:
    """The statement that makes the reading twin of a local table or view; None for what has none.

    `engine`, `create` and `select` (of a view) are what `system.tables` says of it. A table whose rows are everywhere
    is read where one is. A sharded one has the Kafka shard as its sharding key: with N shards of equal weight a row
    goes to, and is looked for on, ClickHouse shard n mod N, as the worker's own rows do.
    """
    twin = f"CREATE OR REPLACE {{}} {database}{ALL}.{name} ON CLUSTER {cluster}"
    if engine == "View":
        return f"{twin.format('VIEW')} AS {_elsewhere(select, database)}"
    if not engine.endswith("MergeTree"):
        return None
    if not is_sharded(create):
        return f"{twin.format('TABLE')} ENGINE = Alias('{database}', '{name}')"
    # A rollup has no such column: it is read through its twin, and written by its view alone.
    key = ", shard" if _SHARD.search(create) else ""
    return f"{twin.format('TABLE')} AS {database}.{name} ENGINE = Distributed('{cluster}', '{database}', '{name}'{key})"


def everywhere(table: str, cluster: str | None) -> str:
    """A system table as a query names it to have the rows of all nodes."""
    return f"clusterAllReplicas('{cluster}', {table})" if cluster else table


def whole(table: str, cluster: str | None) -> str:
    """A sharded table of the current database as a query names it to have the rows of all shards."""
    return f"cluster('{cluster}', currentDatabase(), '{table}')" if cluster else table


def refuse(cluster: str | None, what: str) -> None:
    """Raise ConfigurationError for a backup, which is written by one server and so of its part of the rows alone."""
    if cluster:
        raise ConfigurationError(
            f"{what} copies one server, and CLICKHOUSE_CLUSTER={cluster}: of one node it would be a part. Nothing was "
            "changed. A copy of all nodes needs storage that all of them reach, and is made by ClickHouse: `BACKUP ... "
            "ON CLUSTER` to an object store, as 'In a cluster' in docs/backup.md says"
        )


def check_name(cluster: str) -> None:
    """Raises ConfigurationError for a name that is no plain identifier."""
    if not re.fullmatch(r"[A-Za-z_]\w*", cluster):
        raise ConfigurationError(
            f"CLICKHOUSE_CLUSTER is {cluster!r}; name a cluster of `remote_servers` by letters, digits and _, not "
            "beginning with a digit"
        )


def schema(single: str, database: str, cluster: str) -> list[str]:
    """The whole schema in its cluster form, from the text of `structure.sql`, which is the single-node one."""
    creations = [statements.render(sql, database) for sql in statements.split(single)]
    made = [form(f"CREATE DATABASE {name}", cluster) for name in (database, database + ALL)]
    made += [form(sql, cluster) for sql in creations]
    views: list[str] = []
    for sql in creations:
        head = _CREATED.match(sql)
        assert head is not None, sql
        engine = _ENGINE.search(sql) if head["kind"] == "TABLE" else None
        _, _, select = sql.partition("\nAS ") if head["kind"] == "VIEW" else ("", "", "")
        twin = reading(head["name"], engine[1] if engine else head["kind"].title(), sql, select, database, cluster)
        if twin:
            (views if head["kind"] == "VIEW" else made).append(twin)
    return made + views


def _replicated(sql: str) -> str:
    """The statement with a replicated engine in place of a MergeTree's."""
    masked = statements.masked(sql)
    found = _ENGINE.search(masked)
    if found is None:
        if _CREATE_TABLE.match(masked):
            raise _unfit(sql, "it names no ENGINE")
        return sql
    engine = found[1]
    if engine in _WITHOUT_ROWS:
        return sql
    if not engine.endswith("MergeTree") or engine.startswith("Replicated"):
        raise _unfit(sql, f"ENGINE = {engine} keeps rows that no other node has; use one of the MergeTree family")
    path, replica = SHARDED if is_sharded(sql) else EVERYWHERE
    own = f"'{path}', '{replica}'"
    if found[2] is None:
        return f"{sql[: found.start(1)]}Replicated{engine}({own}){sql[found.end(1) :]}"
    rest = sql[found.end() :]
    comma = "" if rest.lstrip().startswith(")") else ", "
    return f"{sql[: found.start(1)]}Replicated{engine}({own}{comma}{rest}"


def _elsewhere(select: str, database: str) -> str:
    """A view's query over the reading database."""
    return re.sub(rf"(?<![\w.`])`?{re.escape(database)}`?\.", f"{database}{ALL}.", select)


def _unfit(sql: str, why: str) -> ConfigurationError:
    return ConfigurationError(f"no cluster form for `{' '.join(sql.split())[:80]}`: {why}")
