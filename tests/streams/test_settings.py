"""Where settings come from, and how wrong ones are told."""

import fcntl
import json
from pathlib import Path

import pytest

from streams.errors import ConfigurationError
from streams.settings import Settings, completed, given, load, running_stack


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
