"""Replicated tables on the engine and a real ZooKeeper, under the configuration of deploy/clickhouse.

The engine opens no port and has no queue of distributed statements, so a replica of it stays read-only: its tables are
made and held against those of the other replicas, but it takes no insert. What follows from that is tested here too.
"""

import json
import re
import uuid
from pathlib import Path

import pytest

from clickhouse import cluster, drift, migrate, statements, structure
from clickhouse.client import connect
from clickhouse.holds import Holds
from clickhouse.suppressions import Suppressions
from clickhouse.witness import Witness
from deploy.local.zookeeper import ZooKeeper
from streams.errors import SinkUnavailable
from streams.settings import Settings
from tests.support import engine
from tests.support.clickhouse import PASSWORD, Server
from tests.support.engine import Said

DEPLOY = Path(__file__).parent.parent.parent / "deploy" / "clickhouse"
ENVIRONMENT = {
    "MILLRACE_SHARD": "1",
    "MILLRACE_CLUSTER_SECRET": "secret",
    "MILLRACE_INTERSERVER_PASSWORD": "password",
}
STRUCTURE = migrate.FOLDER.parent / "structure.sql"

EVERYWHERE = {
    *("migrations", "holds", "dead_letter_actions", "rebuilds", "metrics_daily"),
    *("retention_log", "retention_locks", "legal_holds", "suppressions", "erasures"),
}
"""Tables that people and jobs write: every node holds every row."""


def schema(salt: str) -> list[str]:
    """The cluster's statements as this engine can take them; tables have the uuid that ON CLUSTER would give them."""
    made = []
    for sql in cluster.schema(STRUCTURE.read_text("utf-8"), "millrace", "millrace"):
        named = re.match(r"CREATE TABLE (\S+)", sql)
        own = f" UUID '{uuid.uuid5(uuid.NAMESPACE_URL, salt + named[1])}'" if named else ""
        made.append(sql.replace(" ON CLUSTER millrace", own, 1))
    return made


def replica(folder: Path, name: str, zookeeper: ZooKeeper, *given: str) -> list[Said]:
    """Run statements on a node with the production configuration, but its own paths and this ZooKeeper."""
    settings = engine.configured(folder)
    merged = folder / "config.d"
    merged.mkdir(exist_ok=True)
    for file in (DEPLOY / "config.d").glob("*.xml"):
        text = file.read_text("utf-8").replace("/var/lib/clickhouse", str(folder / "disk"))
        (merged / file.name).write_text(text, "utf-8")
    keeper = f"<node><host>127.0.0.1</host><port>{zookeeper.port}</port></node>"
    (merged / "zz.xml").write_text(f'<clickhouse><zookeeper replace="1">{keeper}</zookeeper></clickhouse>', "utf-8")
    return engine.run(folder, settings, given, MILLRACE_REPLICA=name, **ENVIRONMENT)


@pytest.mark.long
def test_every_table_is_made_on_two_replicas_which_agree(tmp_path: Path, zookeeper: ZooKeeper) -> None:
    """The second replica finds the first one's tables in the Keeper, and its columns and keys are held to them."""
    made = schema("agree")
    asked = (
        "SELECT table, zookeeper_path, replica_name FROM system.replicas WHERE database = 'millrace' FORMAT JSONCompact"
    )
    paths = []
    for name in ("one", "two"):
        *said, (text, error) = replica(tmp_path / name, name, zookeeper, *made, asked)
        assert [each.error for each in said if each.error] == []
        assert not error
        paths.append({table: (path, own) for table, path, own in json.loads(text)["data"]})

    first, second = paths
    assert first.keys() == second.keys() >= {"events_raw", "events", "delivered", "holds"}
    for table, (path, name) in first.items():
        assert second[table][0] == path, "both replicas of a shard have one path"
        everywhere = table in EVERYWHERE
        assert path.endswith("/all" if everywhere else "/1")
        assert name == ("1-one" if everywhere else "one")


@pytest.mark.long
def test_a_replica_with_another_column_is_refused(tmp_path: Path, zookeeper: ZooKeeper) -> None:
    made = schema("differ")
    for said in replica(tmp_path / "one", "one", zookeeper, *made):
        assert not said.error
    wrong = [sql.replace("`reason` LowCardinality(String)", "`reason` String") for sql in made]
    assert wrong != made

    errors = [said.error for said in replica(tmp_path / "two", "two", zookeeper, *wrong) if said.error]

    assert errors
    assert "INCOMPATIBLE_COLUMNS" in errors[0] or "METADATA_MISMATCH" in errors[0]


@pytest.mark.long
def test_the_storage_policy_has_its_tiers(tmp_path: Path, zookeeper: ZooKeeper) -> None:
    policy, disks, macros, nodes = replica(
        tmp_path,
        "one",
        zookeeper,
        "SELECT volume_name, disks, move_factor FROM system.storage_policies WHERE policy_name = 'hot_cold' "
        "ORDER BY volume_priority",
        "SELECT name FROM system.disks ORDER BY name",
        "SELECT macro, substitution FROM system.macros ORDER BY macro",
        "SELECT shard_num, replica_num, host_name, port FROM system.clusters WHERE cluster = 'millrace' ORDER BY ALL",
    )

    assert policy.rows == ["default\t['default']\t0", "cold\t['cold']\t0"]
    assert disks.rows == ["archive", "cold", "default"]
    assert macros.rows == ["cluster\tmillrace", "replica\tone", "shard\t1"]
    assert nodes.rows == [f"{s}\t{r}\tclickhouse-{s}-{r}\t9440" for s in (1, 2) for r in (1, 2)]


@pytest.mark.long
async def test_a_replica_that_cannot_catch_up_testifies_to_nothing(tmp_path: Path, zookeeper: ZooKeeper) -> None:
    """R8: a replica that lags has fewer rows than were committed; counted, they would be delivered twice."""
    keeper = f"<zookeeper><node><host>127.0.0.1</host><port>{zookeeper.port}</port></node></zookeeper>"
    macros = "<macros><shard>1</shard><replica>one</replica></macros>"
    server = Server(tmp_path, "--config", str(engine.configured(tmp_path, keeper, macros)))
    try:
        made = [sql for sql in schema("lag") if re.match(r"CREATE (DATABASE|TABLE) millrace\b", sql)]
        with server.address.client() as client:
            for sql in made:
                client.command(sql)
            unlike = drift.drift(structure.dump(client, "millrace"), "millrace", "millrace")
            assert [line for line in unlike if not line.endswith("is missing")] == []
            assert not [line for line in unlike if not re.match(r"\w+(_mv|_latest) ", line)]
        url = server.address.url.replace("//", f"//default:{PASSWORD.replace(' ', '%20')}@")
        settings = Settings(clickhouse_url=url, clickhouse_cluster="millrace", clickhouse_timeout_seconds=5)
        opened = await connect(settings)
        try:
            assert await Witness(opened).highest(0) is None, "without a cluster its answer is taken"
            with pytest.raises(SinkUnavailable, match="readonly mode"):
                await Witness(opened, "millrace").highest(0)
            with pytest.raises(SinkUnavailable, match="readonly mode"):
                await Witness(opened, "millrace").replica.catch_up()
            with pytest.raises(SinkUnavailable, match="readonly mode"):
                await Holds(opened, "millrace").active()
            with pytest.raises(SinkUnavailable, match="readonly mode"):
                await Suppressions(opened, "millrace").read()
        finally:
            await opened.close()
    finally:
        server.kill()


def test_a_server_of_its_own_needs_no_keeper() -> None:
    """The single-node form names no replica and no path."""
    for sql in statements.split(STRUCTURE.read_text("utf-8")):
        assert "Replicated" not in sql
        assert "ON CLUSTER" not in sql
