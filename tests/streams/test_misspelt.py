"""Which names are taken for a setting that was meant, and which are somebody else's."""

import pytest

from streams.misspelt import misspelt
from streams.settings import Settings

KNOWN = {name.upper() for name in Settings.model_fields}


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("KAFKA_PARTITION", "KAFKA_PARTITIONS"),
        ("KAFKA_PARITTIONS", "KAFKA_PARTITIONS"),
        ("KAFKA_BOOTSTRAP_SERVER", "KAFKA_BOOTSTRAP_SERVERS"),
        ("CLICKHOUSE_URI", "CLICKHOUSE_URL"),
        ("kafka_grup", "KAFKA_GROUP"),
        ("MILLRACE_HOM", "MILLRACE_HOME"),
    ],
)
def test_a_slip(name: str, meant: str) -> None:
    assert misspelt([name], KNOWN) == {name.upper(): meant}


OTHERS = [
    "KAFKA_HEAP_OPTS",
    "KAFKA_OPTS",
    "KAFKA_HOME",
    "KAFKA_LOG_DIRS",
    "KAFKA_HOST",
    "KAFKA_PORT",
    "KAFKA_TOPIC",
    "KAFKA_GROUP_ID",
    "CLICKHOUSE_HOST",
    "CLICKHOUSE_PORT",
    "CLICKHOUSE_DB",
    "CLICKHOUSE_CONFIG",
    "DATABASE_HOST",
    "DATABASE_NAME",
    "REDIS_HOST",
    "REDIS_PORT",
    "REDIS_DB",
    "APP_HOST",
    "APP_PORT",
    "API_KEY",
    "API_URL",
    "WORKER_POOL",
    "LOG_FILE",
    "LOG_DIR",
    "MAIL_HOST",
    "PATH",
    "HOME",
]


@pytest.mark.parametrize("name", OTHERS)
def test_a_variable_of_another_program(name: str) -> None:
    assert misspelt([name], KNOWN) == {}


def test_a_setting_that_is_given_was_not_meant() -> None:
    assert misspelt(["CLICKHOUSE_URI", "CLICKHOUSE_URL", "KAFKA_GROUP"], KNOWN) == {}
