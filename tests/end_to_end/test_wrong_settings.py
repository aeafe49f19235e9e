"""What cannot work is said before a worker starts: one message with the value and the way out, and no traceback.

Every case goes through the check that a worker makes, and through a worker: some of them in `make test`, all in
`make test-faults`.
"""

import re
import secrets
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr

from agents.preflight import preflight
from streams.errors import MillraceError
from streams.settings import Settings
from streams.topics import source_topics
from tests.end_to_end.conftest import prepared
from tests.support.found import command
from tests.support.stack import fresh_broker
from tests.support.workers import checked

pytestmark = pytest.mark.slow

NOWHERE = "127.0.0.1:1"
INSIDE = {"alert_webhook_url": SecretStr(f"http://{NOWHERE}"), "alert_webhook_secret": SecretStr("x" * 24)}


def refusal(settings: Settings, cwd: Path, **more: str) -> str:
    """What a worker with these settings says when it refuses to start."""
    cwd.mkdir()
    code, said = checked(settings, cwd, **more)
    assert code == 1, (code, said)
    assert "Traceback" not in said
    assert said.count("millrace: ") == 1, said
    return fit(settings, said.partition("millrace: ")[2])


def fit(settings: Settings, said: str) -> str:
    """The message in one line; it is short and tells no secret."""
    password = urlsplit(settings.clickhouse_url or "").password
    assert password is None or password not in said
    message = re.sub(r"\s+", " ", said)
    assert len(message) < 600, message
    return message


def without(*names: str) -> Callable[[Settings], Settings]:
    """Unset these."""
    return lambda settings: settings.model_copy(update=dict.fromkeys(names))


def other(**values: object) -> Callable[[Settings], Settings]:
    """Set these."""
    return lambda settings: settings.model_copy(update=values)


def at_port(port: int) -> Callable[[Settings], Settings]:
    """Another port of ClickHouse."""

    def change(settings: Settings) -> Settings:
        url = urlsplit(settings.clickhouse_url or "")
        moved = url._replace(netloc=f"{url.netloc.rpartition(':')[0]}:{port}")
        return settings.model_copy(update={"clickhouse_url": moved.geturl()})

    return change


def wrong_password(settings: Settings) -> Settings:
    """Another password than ClickHouse's."""
    url = urlsplit(settings.clickhouse_url or "")
    wrong = url._replace(netloc=f"{url.username}:guessed@{url.hostname}:{url.port}")
    return settings.model_copy(update={"clickhouse_url": wrong.geturl()})


def a_rule_over_nothing(settings: Settings) -> Settings:
    """A file with a rule whose window does not exist."""
    path = settings.millrace_home.with_name("rules.toml")
    path.write_text('[[rule]]\nname = "lost"\nwindow = "rides.lost.1m"\nmeasure = "x"\nabove = 1\nsummary = "-"\n')
    return settings.model_copy(update={"alert_rules_file": path})


CASES: dict[str, tuple[Callable[[Settings], Settings], tuple[str, ...]]] = {
    "no broker named": (without("kafka_bootstrap_servers"), ("KAFKA_BOOTSTRAP_SERVERS is not set", "millrace up")),
    "broker away": (other(kafka_bootstrap_servers=NOWHERE), (NOWHERE, "KAFKA_BOOTSTRAP_SERVERS")),
    "no ClickHouse named": (without("clickhouse_url"), ("CLICKHOUSE_URL is not set", "millrace up")),
    "no URL": (other(clickhouse_url="clickhouse"), ("CLICKHOUSE_URL", "http://user:password@host:8123")),
    "ClickHouse away": (at_port(1), ("127.0.0.1", "CLICKHOUSE_URL")),
    "wrong password": (wrong_password, ("CLICKHOUSE_URL", "uthentication failed")),
    "no database": (other(clickhouse_database="nothing_here"), ("nothing_here", "millrace migrate")),
    "nothing migrated": (other(clickhouse_database="default"), ("database default", "millrace migrate apply")),
    "topic missing": (other(kafka_intents_topic="elsewhere"), ("topics are missing: elsewhere", "millrace topics")),
    "partitions differ": (other(kafka_partitions=3), ("KAFKA_PARTITIONS=3", "rides.user has 2", "docs/operations.md")),
    "another age": (other(batch_age_seconds=60), ("BATCH_AGE_SECONDS", "300 s", "60")),
    "fsync not applied": (other(clickhouse_fsync=True), ("CLICKHOUSE_FSYNC=True", "millrace migrate apply")),
    "no file of rules": (other(alert_rules_file=Path("/nowhere")), ("ALERT_RULES_FILE=/nowhere", "No such file")),
    "a rule over nothing": (
        a_rule_over_nothing,
        ("ALERT_RULES_FILE=", "lost: no window 'rides.lost.1m'; the nearest are rides."),
    ),
    "a webhook inside": (other(**INSIDE), ("ALERT_WEBHOOK_ALLOW_INTERNAL=true",)),
    "address elsewhere": (other(worker_host="192.0.2.1"), ("WORKER_HOST=192.0.2.1", "address of this machine")),
}


QUICK = ("wrong password", "partitions differ")
"""Cases that go through a worker in `make test` too; the others only in `make test-faults`."""


@pytest.fixture(scope="module")
def right(stack_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings with which a worker would run; the cases share broker and database, since none of them gets so far."""
    home = tmp_path_factory.mktemp("refusals")
    with fresh_broker(home) as servers:
        own = {"kafka_bootstrap_servers": servers, "clickhouse_database": f"test_{secrets.token_hex(6)}"}
        yield prepared(stack_settings.model_copy(update=own | {"millrace_home": home / "home", "worker_port": 0}))


@pytest.mark.parametrize("case", CASES)
async def test_a_setting_that_cannot_work(right: Settings, case: str) -> None:
    change, expected = CASES[case]
    wrong = change(right)
    with pytest.raises(MillraceError) as refused:
        await preflight(wrong, frozenset(source_topics()))
    message = fit(wrong, str(refused.value))
    for words in expected:
        assert words in message


@pytest.mark.parametrize(
    "case", [case if case in QUICK else pytest.param(case, marks=pytest.mark.faults) for case in CASES]
)
def test_a_worker_with_it_ends_with_the_message(right: Settings, tmp_path: Path, case: str) -> None:
    change, expected = CASES[case]
    message = refusal(change(right), tmp_path / "empty")
    for words in expected:
        assert words in message


def test_values_that_do_not_fit_are_told_all_at_once(embedded: Settings, tmp_path: Path) -> None:
    wrong = {"KAFKA_PARTITIONS": "two", "KAFKA_BOOTSTRAP_SERVERS": "foo:bar", "REDIS_URL": "garbage"}
    message = refusal(embedded, tmp_path / "empty", **wrong)
    for name, value in wrong.items():
        assert f"{name}='{value}': " in message


@pytest.mark.faults
def test_a_home_that_cannot_be_made(embedded: Settings, tmp_path: Path) -> None:
    message = refusal(embedded, tmp_path / "empty", MILLRACE_HOME="/proc/nope")
    assert "MILLRACE_HOME=/proc/nope cannot be used" in message


@pytest.mark.faults
def test_a_kill_point_that_there_is_not(embedded: Settings, tmp_path: Path) -> None:
    message = refusal(embedded, tmp_path / "empty", WORKER_KILL_AT="close")
    for words in ("WORKER_KILL_AT=close", "STEP:before", "insert-events_raw"):
        assert words in message


def test_a_port_that_somebody_has(embedded: Settings, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        message = refusal(embedded, tmp_path / "empty", WORKER_PORT=str(port))
    for words in (f"WORKER_PORT={port}", "in use", "free one"):
        assert words in message


def test_a_deduplication_window_that_is_off(embedded: Settings, tmp_path: Path) -> None:
    command(embedded, "ALTER TABLE trip_events MODIFY SETTING non_replicated_deduplication_window = 0")
    message = refusal(embedded, tmp_path / "empty")
    for words in ("trip_events remembers 0 parts", "MODIFY SETTING non_replicated_deduplication_window ="):
        assert words in message
