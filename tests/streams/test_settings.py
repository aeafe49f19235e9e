"""Where settings come from, and how wrong ones are told."""

import fcntl
import json
import logging
from pathlib import Path

import pytest

from streams.errors import ConfigurationError
from streams.settings import Settings, completed, given, load, made, running_stack


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working directory without `.env`, and no settings in the environment."""
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def test_environment_wins_over_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("KAFKA_GROUP=from_file\nKAFKA_PARTITIONS=3\nUNKNOWN=1\n")
    monkeypatch.setenv("KAFKA_GROUP", "from_environment")
    assert (load().kafka_group, load().kafka_partitions) == ("from_environment", 3)


def test_empty_line_is_as_good_as_none() -> None:
    Path(".env").write_text("KAFKA_BOOTSTRAP_SERVERS=\nKAFKA_PARTITIONS=\n")
    assert given() == Settings()
    assert (load().kafka_bootstrap_servers, load().kafka_partitions) == (None, 2)


def test_every_wrong_value_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_PARTITIONS", "0")
    monkeypatch.setenv("LOCATION_SAMPLE_RATE", "1.5")
    with pytest.raises(ConfigurationError, match=r"2 setting\(s\)") as caught:
        load()
    assert "KAFKA_PARTITIONS='0'" in str(caught.value)
    assert "LOCATION_SAMPLE_RATE='1.5'" in str(caught.value)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"KAFKA_BOOTSTRAP_SERVERS": "foo:bar"}, "KAFKA_BOOTSTRAP_SERVERS='foo:bar': 'foo:bar' is no broker"),
        ({"KAFKA_BOOTSTRAP_SERVERS": "kafka://u:secret@a:1"}, "'kafka://u:***@a:1' is no broker; write host:port"),
        ({"KAFKA_BOOTSTRAP_SERVERS": "a:1,b"}, "'b' is no broker"),
        ({"KAFKA_BOOTSTRAP_SERVERS": "a:65536"}, "'a:65536' is no broker"),
        ({"REDIS_URL": "garbage"}, "REDIS_URL='garbage': it must read redis://host:6379/0"),
        ({"REDIS_URL": "redis://:secret@host:port/0"}, "REDIS_URL='redis://:***@host:port/0'"),
        ({"REDIS_URL": "redis://host/zero"}, "REDIS_URL='redis://host/zero'"),
        ({"KAFKA_SESSION_TIMEOUT_SECONDS": "0"}, "KAFKA_SESSION_TIMEOUT_SECONDS='0': Input should be greater than 0"),
        (
            {"KAFKA_SESSION_TIMEOUT_SECONDS": "6", "KAFKA_HEARTBEAT_SECONDS": "6"},
            "\n  KAFKA_HEARTBEAT_SECONDS=6 is not below KAFKA_SESSION_TIMEOUT_SECONDS=6",
        ),
        ({"BATCH_SECONDS": "inf"}, "BATCH_SECONDS='inf': Input should be a finite number"),
        ({"LIVE_PUBLISH_SECONDS": "nan"}, "LIVE_PUBLISH_SECONDS='nan'"),
    ],
    ids=str,
)
def test_what_cannot_work_is_refused(monkeypatch: pytest.MonkeyPatch, values: dict[str, str], words: str) -> None:
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError) as caught:
        load()
    assert words in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["redis://h", "redis://u:p@h:1/2", "rediss://h/0", "redis://[::1]:6379", "unix:///s"])
def test_addresses_that_can_work(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("REDIS_URL", url)
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "kafka-1.example.com:9092, 10.0.0.1:9093,[::1]:9094")
    assert load().redis_url == url
    assert load().kafka_bootstrap_servers == "kafka-1.example.com:9092,10.0.0.1:9093,[::1]:9094"


def test_a_home_that_can_be_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("MILLRACE_HOME", str(tmp_path / "file"))
    with pytest.raises(ConfigurationError, match=r"MILLRACE_HOME=.+/file cannot be used: Not a directory"):
        load()
    with pytest.raises(ConfigurationError, match=r"MILLRACE_HOME=/proc/nope cannot be used: No such file"):
        made(Path("/proc/nope"))


def test_a_file_that_is_no_text() -> None:
    Path(".env").write_bytes(b"KAFKA_GROUP=\xff\n")
    with pytest.raises(ConfigurationError, match=r"\.env in .+ cannot be read: 'utf-8'"):
        load()


def test_a_misspelt_name_is_told_once(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, logger="streams.settings")  # commands run by tests before may have raised it
    Path(".env").write_text("CLICKHOUSE_URI=http://h:8123\nCLICKHOUSE_HOST=h\n")
    monkeypatch.setenv("KAFKA_PARTITION", "3")
    monkeypatch.setenv("KAFKA_HEAP_OPTS", "-Xmx1g")
    load(), load()
    assert caplog.messages == [
        "CLICKHOUSE_URI is no setting and is ignored; CLICKHOUSE_URL is meant perhaps",
        "KAFKA_PARTITION is no setting and is ignored; KAFKA_PARTITIONS is meant perhaps",
    ]


def test_running_stack_fills_in_what_is_not_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / ".millrace"
    home.mkdir()
    found = {"redis_url": "redis://stack", "database_url": "postgresql://stack", "kafka_forgets": True}
    (home / "stack.json").write_text(json.dumps({"pid": 1, "settings": found}))
    assert running_stack(home) == {}
    with (home / "lock").open("w") as lock:
        assert running_stack(home) == {}
        fcntl.flock(lock, fcntl.LOCK_EX)
        monkeypatch.setenv("REDIS_URL", "redis://mine")
        settings = load()
        assert settings.redis_url == "redis://mine"
        assert settings.database_url is not None
        assert settings.database_url.get_secret_value() == "postgresql://stack"
        assert settings.kafka_forgets
        assert given().database_url is None
    assert load().database_url is None


def test_completing_leaves_what_is_set() -> None:
    settings = Settings().model_copy(update={"redis_url": "redis://mine"})
    assert completed(settings, {"redis_url": "redis://other"}).redis_url == "redis://mine"
    assert completed(settings, {}) == settings
