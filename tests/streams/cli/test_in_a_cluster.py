"""What copies a single server only is refused in a cluster, before anything is asked, read or changed."""

from pathlib import Path

import pytest

from metadata.schedule.declared import jobs
from streams.errors import ConfigurationError
from streams.settings import load
from tests.support.invoked import call

README = Path(__file__).parents[3] / "clickhouse" / "README.md"
REFUSED = ["backup create", "backup create --only clickhouse"]


@pytest.fixture
def clustered(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The settings of a cluster that no test may reach."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CLICKHOUSE_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("CLICKHOUSE_CLUSTER", "prod")
    monkeypatch.setenv("ARCHIVE_URL", str(tmp_path / "archive"))
    monkeypatch.setenv("BACKUP_FOLDER", str(tmp_path / "backups"))
    monkeypatch.setenv("ERASURE_KEY", "a key for tests only")


@pytest.mark.usefixtures("clustered")
@pytest.mark.parametrize("words", REFUSED)
def test_a_command_that_knows_one_server_is_refused(words: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="copies one server, and CLICKHOUSE_CLUSTER=prod") as refused:
        call(*words.split())

    assert "Nothing was changed" in str(refused.value)
    assert "`BACKUP ... ON CLUSTER`" in str(refused.value)
    assert not list(tmp_path.glob("*/*"))


@pytest.mark.usefixtures("clustered")
def test_the_scheduler_does_not_even_try_it() -> None:
    given = jobs(load())

    assert {job.name: job.command[2:] for job in given if job.is_enabled} == {
        "archive": (),
        "backup": ("--keep", "7", "--only", "postgres"),
        "clean": (),
        "exports": (),
        "metrics_daily": (),
        "reconcile": (),
        "retention": (),
    }


def test_the_readme_names_every_one_of_them() -> None:
    _, _, after = README.read_text().partition("## Not in a cluster\n")
    listed, _, _ = after.partition("\n## ")

    assert listed
    missing = {words.split()[0] for words in REFUSED if f"`{words.split()[0]}" not in listed}
    assert missing == set()
