"""What a worker refuses to start on (R5): each setting alone, and a real broker."""

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from agents.build import open_redis
from agents.preflight import check_counts, check_log, check_topics
from streams.cli.topics import create
from streams.errors import ConfigurationError, SinkUnavailable
from streams.settings import Settings
from streams.topics import source_topics

GOOD = {"cleanup.policy": "delete", "retention.ms": "-1", "min.insync.replicas": "2"}


def test_a_good_log_passes() -> None:
    check_log("intents", ["a"], {"intents": GOOD, "a": {"retention.ms": "604800000"}}, replicas=3)
    check_log("intents", ["a"], {}, replicas=1)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"cleanup.policy": "compact,delete"}, "cleanup.policy=compact,delete"),
        ({"retention.ms": "1000"}, "retention.ms=1000"),
        ({"min.insync.replicas": "1"}, "min.insync.replicas=1"),
        ({"unclean.leader.election.enable": "true"}, "unclean"),
    ],
)
def test_r5_a_log_that_can_be_cut_is_refused(change: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        check_log("intents", ["a"], {"intents": GOOD | change, "a": {"retention.ms": "2000"}}, replicas=3)


@pytest.mark.parametrize("option", ["colour=red", "db=zero"])
async def test_an_option_that_redis_does_not_take(option: str) -> None:
    wrong = Settings(redis_url=f"redis://:geheim@h/0?{option}")
    with pytest.raises(
        ConfigurationError, match=r"REDIS_URL=redis://:\*\*\*@h/0\?\w+=\w+ cannot be used: .+ Correct its"
    ):
        open_redis(wrong)


def test_counts_that_differ_are_named() -> None:
    with pytest.raises(ConfigurationError, match="KAFKA_PARTITIONS=2, but b has 3"):
        check_counts(Settings(kafka_partitions=2), {"a": 2, "b": 3})


@pytest.fixture(params=["embedded", "kafka"])
def on(request: pytest.FixtureRequest) -> Settings:
    """Settings of an empty broker of either kind."""
    name = "settings" if request.param == "embedded" else "kafka_settings"
    found: Settings = request.getfixturevalue(name)
    return found


async def test_topics_are_checked_on_a_real_broker(on: Settings) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=on.kafka_bootstrap_servers)
    await admin.start()
    early = [name for name in source_topics() if name != "ticketing.catalog"]
    await admin.create_topics([NewTopic(name, 2, 1) for name in early])
    await admin.close()
    with pytest.raises(
        ConfigurationError, match=r"topics are missing: .*ticketing.catalog, intents, dead-letters, alerts\."
    ):
        await check_topics(on, source_topics())
    await create(on)
    await check_topics(on, source_topics())
    with pytest.raises(ConfigurationError, match="KAFKA_PARTITIONS=3"):
        await check_topics(on.model_copy(update={"kafka_partitions": 3}), source_topics())


async def test_a_broker_that_is_not_there_is_named() -> None:
    with pytest.raises(SinkUnavailable, match=r"KAFKA_BOOTSTRAP_SERVERS=127.0.0.1:1 "):
        await check_topics(Settings(kafka_bootstrap_servers="127.0.0.1:1"), source_topics())
