"""The files under deploy/clickhouse: each is read, and names only settings that the engine knows."""

from pathlib import Path
from xml.etree import ElementTree

import pytest
from clickhouse_connect.driver.client import Client

from clickhouse.client import KEEP_ALIVE_SECONDS, connect_sync
from streams.settings import Settings

DEPLOY = Path(__file__).parent.parent.parent.parent / "deploy" / "clickhouse"
FILES = sorted(DEPLOY.rglob("*.xml"))
SECTIONS = {
    "backups",
    "distributed_ddl",
    "interserver_http_credentials",
    "keeper_server",
    "listen_host",
    "logger",
    "macros",
    "openSSL",
    "part_log",
    "prometheus",
    "query_log",
    "remote_servers",
    "storage_configuration",
    "text_log",
    "trace_log",
    "zookeeper",
}
"""What a server reads that is not a setting of one value, and ports, which `system.server_settings` lists in part."""


def root(name: str) -> ElementTree.Element:
    return ElementTree.parse(DEPLOY / name).getroot()


@pytest.fixture(scope="module")
def known(stack_settings: Settings) -> dict[str, set[str]]:
    """Names of settings by the table that lists them."""
    client: Client = connect_sync(stack_settings, database=False)
    names = ("server_settings", "merge_tree_settings", "replicated_merge_tree_settings", "settings")
    found = {name: {row[0] for row in client.query(f"SELECT name FROM system.{name}").result_rows} for name in names}
    client.close()
    return found


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_file_is_a_configuration(file: Path) -> None:
    assert ElementTree.parse(file).getroot().tag == "clickhouse"
    assert "password>" not in file.read_text("utf-8").replace("_password", ""), "passwords come from the environment"


def test_every_setting_is_one_that_the_engine_knows(known: dict[str, set[str]]) -> None:
    for file in (DEPLOY / "config.d").glob("*.xml"):
        for element in ElementTree.parse(file).getroot():
            if element.tag in ("merge_tree", "replicated_merge_tree"):
                assert {each.tag for each in element} <= known[f"{element.tag}_settings"], file
            elif element.tag not in SECTIONS and not element.tag.endswith(("_port", "_port_secure")):
                assert element.tag in known["server_settings"], f"{file.name}: {element.tag}"
    for profile in root("users.d/profiles.xml").iter("profiles"):
        for settings in profile:
            names = {each.tag for each in settings} | {each.tag for each in settings.find("constraints") or ()}
            assert names - {"constraints"} <= known["settings"], settings.tag


def test_nothing_listens_without_tls() -> None:
    network = root("config.d/network.xml")
    ports = {each.tag: each.text for each in network if "port" in each.tag}
    assert {name for name, text in ports.items() if text} == {"https_port", "tcp_port_secure", "interserver_https_port"}
    for side in ("server", "client"):
        section = network.find(f"openSSL/{side}")
        assert section is not None
        assert section.findtext("caConfig", "").startswith("/etc/clickhouse-server/tls/")
    assert network.findtext("openSSL/client/verificationMode") == "strict"
    assert float(network.findtext("keep_alive_timeout", "0")) > 2 * KEEP_ALIVE_SECONDS


def test_three_keepers_decide_and_every_server_knows_them() -> None:
    raft = root("keeper/keeper.xml").findall("keeper_server/raft_configuration/server")
    hosts = {server.findtext("hostname") for server in raft}
    assert (len(raft), len(hosts)) == (3, 3)
    cluster = root("config.d/cluster.xml")
    assert {node.findtext("host") for node in cluster.findall("zookeeper/node")} == hosts
    port = root("keeper/keeper.xml").findtext("keeper_server/tcp_port_secure")
    assert {node.findtext("port") for node in cluster.findall("zookeeper/node")} == {port}


def test_shards_have_equal_weight_and_their_replicas_copy_among_themselves() -> None:
    shards = root("config.d/cluster.xml").findall("remote_servers/millrace/shard")
    assert len(shards) > 1
    for shard in shards:
        assert shard.findtext("weight") == "1", "else a row's home is not its Kafka shard modulo the number of shards"
        assert shard.findtext("internal_replication") == "true"
        assert len(shard.findall("replica")) > 1
