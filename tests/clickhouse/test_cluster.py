"""The cluster form: every statement of the migrations has one, the engine reads it, and the twins follow the tables."""

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client

from clickhouse import cluster, daily_job, migrate, preflight, twins
from clickhouse.archive.passing import Work
from clickhouse.client import connect, connect_sync
from clickhouse.erasure import deletion
from clickhouse.erasure.deletion import Part
from clickhouse.lock import RETENTION, Lock
from streams.errors import ConfigurationError, SinkUnavailable
from streams.events.domains import TICKETING
from streams.settings import Settings
from tests.support import engine
from tests.support.clickhouse import PASSWORD, Server
from tests.support.rows import bodies, insert, intent, samples
from tests.support.tables import migrated
from tests.support.waiting import until

NODE = "<replica><host>127.0.0.1</host><port>9000</port></replica>"
AWAY = NODE.replace("9000", "1")
SERVERS = f"""<tcp_port>9000</tcp_port><remote_servers>
<millrace><shard>{NODE}</shard></millrace><two><shard>{NODE}</shard><shard>{NODE}</shard></two>
<away><shard>{NODE}{AWAY}</shard></away>
</remote_servers>"""
"""A cluster of which the engine, which opens no port, is the only node; one in which it is both shards; and one of
which another replica is away."""
EVERYWHERE = "Replicated{}MergeTree('/clickhouse/tables/{{uuid}}/all', '{{shard}}-{{replica}}'{})"
SHARDED = "Replicated{}MergeTree('/clickhouse/tables/{{uuid}}/{{shard}}', '{{replica}}'{})"


@pytest.mark.parametrize(
    ("single", "form"),
    [
        ("CREATE DATABASE IF NOT EXISTS m", "CREATE DATABASE IF NOT EXISTS m ON CLUSTER c"),
        (
            "CREATE TABLE IF NOT EXISTS m.t (`x` UInt8) ENGINE = MergeTree ORDER BY x",
            f"CREATE TABLE IF NOT EXISTS m.t ON CLUSTER c (`x` UInt8) ENGINE = {EVERYWHERE.format('', '')} ORDER BY x",
        ),
        (
            "CREATE TABLE m.t (`shard` UInt16) ENGINE = ReplacingMergeTree( shard ) ORDER BY shard",
            f"CREATE TABLE m.t ON CLUSTER c (`shard` UInt16) ENGINE = {SHARDED.format('Replacing', ',  shard ')} "
            "ORDER BY shard",
        ),
        (
            "CREATE TABLE m.r (x UInt8) ENGINE = AggregatingMergeTree() ORDER BY x "
            "SETTINGS non_replicated_deduplication_window = 9",
            f"CREATE TABLE m.r ON CLUSTER c (x UInt8) ENGINE = {SHARDED.format('Aggregating', '')} ORDER BY x "
            "SETTINGS non_replicated_deduplication_window = 9",
        ),
        (
            "CREATE TABLE m.t (x String COMMENT 'ENGINE = MergeTree') ENGINE = Null",
            "CREATE TABLE m.t ON CLUSTER c (x String COMMENT 'ENGINE = MergeTree') ENGINE = Null",
        ),
        (
            "CREATE MATERIALIZED VIEW IF NOT EXISTS m.v TO m.t AS SELECT 1",
            "CREATE MATERIALIZED VIEW IF NOT EXISTS m.v ON CLUSTER c TO m.t AS SELECT 1",
        ),
        ("CREATE OR REPLACE VIEW m.v\nAS SELECT 1", "CREATE OR REPLACE VIEW m.v ON CLUSTER c\nAS SELECT 1"),
        ("ALTER TABLE m.t\n    ADD COLUMN y UInt8", "ALTER TABLE m.t ON CLUSTER c\n    ADD COLUMN y UInt8"),
        ("DROP VIEW IF EXISTS m.v SYNC", "DROP VIEW IF EXISTS m.v ON CLUSTER c SYNC"),
        ("TRUNCATE TABLE m.t", "TRUNCATE TABLE m.t ON CLUSTER c"),
        ("RENAME TABLE m.a TO m.b, m.b TO m.a", "RENAME TABLE m.a TO m.b, m.b TO m.a ON CLUSTER c"),
        ("EXCHANGE TABLES m.a AND m.b", "EXCHANGE TABLES m.a AND m.b ON CLUSTER c"),
    ],
)
def test_forms(single: str, form: str) -> None:
    assert cluster.form(single, "c") == form


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        ("INSERT INTO m.t SELECT 1", "it is no CREATE"),
        ("CREATE TABLE m.t (x UInt8) ENGINE = Memory", "ENGINE = Memory keeps rows that no other node has"),
        ("CREATE TABLE m.t (x UInt8) ENGINE = ReplicatedMergeTree ORDER BY x", "keeps rows"),
        ("CREATE TABLE m.t AS m.u", "it names no ENGINE"),
        ("CREATE MATERIALIZED VIEW m.v REFRESH EVERY 1 HOUR TO m.t AS SELECT 1", "would refresh on every node"),
    ],
)
def test_what_would_differ_from_node_to_node_is_refused(sql: str, why: str) -> None:
    with pytest.raises(ConfigurationError, match=why):
        cluster.form(sql, "c")


def test_a_cluster_whose_name_needs_quotes_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="CLICKHOUSE_CLUSTER is 'a b'"):
        cluster.form("DROP TABLE m.t", "a b")


def test_the_engine_reads_every_statement_of_the_cluster_form(tmp_path: Path) -> None:
    schema = cluster.schema((migrate.FOLDER.parent / "structure.sql").read_text("utf-8"), "millrace", "millrace")
    steps = [step.sql for step in migrate.steps(migrate.load(), "millrace", "millrace")]
    every = [*schema, *steps]
    assert all(" ON CLUSTER millrace" in sql for sql in every)

    said = engine.run(tmp_path, engine.configured(tmp_path), [f"EXPLAIN AST {sql}" for sql in every])

    for sql, read in zip(every, said, strict=True):
        assert re.match(r"(Create|Drop|Alter|Rename)\w*Query", read.text), f"{read.error}: {sql}"


def test_no_table_keeps_rows_that_its_replicas_have_not() -> None:
    schema = cluster.schema((migrate.FOLDER.parent / "structure.sql").read_text("utf-8"), "millrace", "millrace")
    engines = {match[1] for sql in schema if (match := re.search(r"\nENGINE = (\w+)", sql))}
    assert engines
    assert {engine for engine in engines if not engine.startswith("Replicated")} == set()


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings of a server that is the one node of a cluster."""
    folder = tmp_path_factory.mktemp("node")
    embedded = Server(folder, "--config", str(engine.configured(folder, SERVERS)))
    url = embedded.address.url.replace("//", f"//default:{PASSWORD.replace(' ', '%20')}@")
    yield Settings(clickhouse_url=url, clickhouse_database="m")
    embedded.stop()


@pytest.fixture(scope="module")
def tables(node: Settings) -> Iterator[Client]:
    """A client of that server, whose local database has all tables, and whose reading database is empty."""
    migrated(node)
    client = connect_sync(node)
    client.command("CREATE DATABASE m_all")
    yield client
    client.close()


def follow(client: Client) -> list[str]:
    """Make the twins; the engine has no queue of statements, so what they say of the cluster is left out."""
    done = twins.behind(twins.objects(client, "m"), twins.objects(client, "m_all"), "m", "millrace")
    for sql in done:
        client.command(sql.replace(" ON CLUSTER millrace", ""), use_database=False)
    return [match[1] for sql in done if (match := re.search(r"m_all\.(\w+)", sql))]


def test_twins_follow_the_tables_and_are_let_be_where_they_do(tables: Client) -> None:
    made = follow(tables)

    assert {"events_raw", "holds", "metrics_realtime_latest", "delivered"} <= set(made)
    assert not [name for name in made if name.endswith("_mv") or name.startswith("migration_lock")]
    assert follow(tables) == []

    tables.command("ALTER TABLE events ADD COLUMN probe UInt8")
    tables.command("CREATE OR REPLACE VIEW metrics_realtime_latest AS SELECT 1 AS one FROM m.metrics_realtime")
    tables.command("CREATE TABLE extra (x UInt8) ENGINE = MergeTree ORDER BY x")
    assert sorted(follow(tables)) == ["events", "extra", "metrics_realtime_latest"]

    tables.command("DROP TABLE extra")
    assert follow(tables) == ["extra"]
    assert follow(tables) == []


def test_rows_are_written_and_read_through_the_twins(tables: Client) -> None:
    follow(tables)
    row = "(shard, chain, intent, relation) VALUES (3, 'c', 1, 'none')"
    tables.command(f"INSERT INTO m_all.delivered {row}", settings={"async_insert": 0})
    tables.command("INSERT INTO m_all.holds (name, held) VALUES ('h', 1)", settings={"async_insert": 0})

    for database in ("m", "m_all"):
        assert tables.query(f"SELECT shard, intent FROM {database}.delivered WHERE chain = 'c'").result_rows == [(3, 1)]
        assert tables.query(f"SELECT name FROM {database}.holds FINAL WHERE held").result_rows == [("h",)]
    assert tables.query(f"SELECT count() FROM {cluster.whole('delivered', 'millrace')}").result_rows == [(1,)]
    assert tables.query(f"SELECT count() > 0 FROM {cluster.everywhere('system.processes', 'millrace')}").first_row == (
        True,
    )


def test_views_are_asked_for_on_every_node(tables: Client) -> None:
    """On one node every view has one uuid; without the condition the question finds them all."""
    asked = preflight.views_query("two")
    every = asked.replace("HAVING uniqExact(uuid) > 1", "")

    assert tables.query(asked, {"d": "m"}).result_rows == []
    assert "user_events_mv" in {name for name, _ in tables.query(every, {"d": "m"}).result_rows}


def test_a_question_for_one_kafka_shard_goes_to_one_clickhouse_shard(tables: Client) -> None:
    """The sharding key is the Kafka shard: n of two lies on n mod 2, numbered from 1."""
    create = tables.query("SELECT create_table_query FROM system.tables WHERE name = 'delivered'").result_rows[0][0]
    sql = cluster.reading("delivered", "ReplacingMergeTree", create, "", "m", "two")
    assert sql is not None
    twin = sql.replace("m_all.delivered ON CLUSTER two", "m_all.in_two")
    tables.command(twin, use_database=False)
    only = {"optimize_skip_unused_shards": 1, "force_optimize_skip_unused_shards": 1}
    tables.command("INSERT INTO m.delivered (shard, chain) VALUES (4, 'd'), (5, 'd')", settings={"async_insert": 0})

    for number in (4, 5):
        asked = tables.query(
            "SELECT DISTINCT _shard_num FROM m_all.in_two WHERE shard = {n:UInt16} AND chain = 'd'",
            {"n": number},
            settings=only,
        )
        assert asked.result_rows == [(number % 2 + 1,)]


async def test_daily_metrics_are_those_of_all_shards(tables: Client, node: Settings) -> None:
    """Sums are added over shards, people are merged: the engine is both shards, so it adds each row twice."""
    for table, block in bodies(sold := samples(TICKETING, 100), intent()).items():
        insert(tables, node, table, block, "daily")
    tables.command("CREATE DATABASE m_two")
    for sql in twins.behind(twins.objects(tables, "m"), {}, "m", "two"):
        tables.command(sql.replace(" ON CLUSTER two", "").replace("m_all.", "m_two."), use_database=False)

    client = await connect(node.model_copy(update={"clickhouse_database": "m_two"}))
    try:
        store = daily_job.Store(client, "m.metrics_daily", daily_job.NOT_STALE)
        assert await daily_job.run(store, ("ticketing",), None, 0, lambda *_: None) == 1
        assert await daily_job.run(store, ("ticketing",), None, 0, lambda *_: None) == 0, "it is not due again"
    finally:
        await client.close()

    asked = "SELECT sum(value) FROM m.metrics_daily FINAL WHERE metric = {m:String} AND domain = 'ticketing'"
    told = {metric: tables.query(asked, {"m": metric}).result_rows[0][0] for metric in ("events", "sessions")}
    [(visits,)] = tables.query("SELECT uniqCombined64Merge(14)(sessions) FROM m.realtime_dashboard").result_rows
    assert told == {"events": 2 * len(sold), "sessions": visits}
    assert visits > 0


@pytest.mark.parametrize(
    ("name", "ends"),
    [
        ("two", nullcontext()),
        ("away", pytest.raises(SinkUnavailable, match="a replica of cluster away does not say whether it has deleted")),
    ],
)
def test_an_erasure_is_not_done_before_every_replica_says_so(
    name: str, ends: AbstractContextManager[object], tables: Client, node: Settings
) -> None:
    """The rows go where they can; the receipt has to wait for a replica that is away."""
    tables.command(
        "INSERT INTO m.events (event_id, ingested_at, user_id) VALUES ('x', now64(3), 'person-7')",
        settings={"async_insert": 0},
    )
    work = Work(
        tables,
        node.model_copy(update={"clickhouse_cluster": name}),
        Lock(tables, "m", 0, "tests", RETENTION),
    )

    with ends:
        deletion.delete([work], [Part(work, "events", "user_id = {person:String}", {"person": "person-7"}, 1, 1, ())])

    asked = "SELECT count() FROM m.events WHERE user_id = 'person-7'"
    until("the rows to go", lambda: tables.query(asked).result_rows == [(0,)], 20)


def test_the_plan_of_a_cluster(empty: Settings, server: Client, tmp_path: Path) -> None:
    (tmp_path / "0001_first.sql").write_text("CREATE TABLE {database}.a (`x` UInt8) ENGINE = MergeTree ORDER BY x;")
    name = empty.clickhouse_database

    (step,) = migrate.plan(server, name, migrate.load(tmp_path), "prod")

    assert step.sql.startswith(f"CREATE TABLE {name}.a ON CLUSTER prod (`x` UInt8) ENGINE = ReplicatedMergeTree(")
