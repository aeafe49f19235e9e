"""`millrace jobs`, and `millrace scheduler` as a process that does what it is asked for."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from deploy.local.process import free_port
from deploy.local.worker import page
from metadata.schedule.declared import jobs
from streams.errors import ConfigurationError
from streams.settings import Settings
from tests.support.invoked import answer, call
from tests.support.waiting import until

NAMES = ["archive", "backup", "clean", "exports", "metrics_daily", "reconcile", "retention"]


@pytest.fixture(autouse=True)
def place(metadata_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MILLRACE_HOME", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", metadata_url)
    monkeypatch.delenv("CLICKHOUSE_URL", raising=False)
    return metadata_url


@pytest.fixture
def scheduler(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A scheduler that leads, and the address of its pages."""
    port = free_port()
    argv = (sys.executable, "-m", "streams.cli", "scheduler", "--port", str(port))
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(argv, cwd=tmp_path, stderr=log)
    url = f"http://127.0.0.1:{port}"

    def leads() -> bool:
        assert process.poll() is None, (tmp_path / "log").read_text()
        try:
            return bool(read(url, "health")["leading"])
        except OSError:
            return False

    until("the scheduler to lead", leads, 60)
    yield process, url
    process.kill()
    process.wait()


def read(url: str, name: str) -> Any:
    """One of its pages."""
    status, content = page(url, name)
    assert status == 200
    return json.loads(content)


def test_every_job_is_listed_shown_and_changed() -> None:
    found = answer("jobs", "list")
    assert found["scheduler"] is None
    assert {job["name"]: job["is_on"] for job in found["jobs"]} == {
        name: name not in ("archive", "backup") for name in NAMES
    }
    assert "no scheduler runs" in call("jobs", "list").output
    assert (
        "'0 3 * * *' in Europe/Berlin, next"
        in call("jobs", "enable", "backup", "--cron", "0 3 * * *", "--zone", "Europe/Berlin").output
    )
    backup = answer("jobs", "show", "backup")
    assert (backup["is_on"], backup["cron"], backup["zone"]) == (True, "0 3 * * *", "Europe/Berlin")
    assert len(backup["due_next"]) == 3
    assert backup["command"] == "millrace backup create --keep 7"
    assert "@" in backup["changed_by"]
    assert call("jobs", "disable", "backup").output == "backup is off\n"
    assert "due next" in call("jobs", "show", "backup").output
    assert answer("jobs", "history") == []
    assert "removed: 0 runs, 0 reports and exports, 0 answers" in call("jobs", "clean").output


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("show", "cheese"), "there is no job 'cheese'; there are archive, backup"),
        (("history", "cheese"), "there is no job 'cheese'"),
        (("run", "clean"), "no scheduler runs"),
        (("enable", "clean", "--cron", "5 o'clock"), "five fields"),
        (("enable", "clean", "--zone", "Mars"), "no IANA zone"),
    ],
)
def test_what_is_wrong_is_said(words: tuple[str, ...], says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        call("jobs", *words)


def test_jobs_whose_setting_is_given_are_on() -> None:
    given = jobs(Settings(archive_url="/archive", backup_folder="/backup"))
    assert [job.name for job in given if not job.is_enabled] == []


@pytest.mark.long
def test_a_scheduler_does_what_it_is_asked_for(scheduler: tuple[subprocess.Popen[bytes], str], place: str) -> None:
    process, url = scheduler
    assert read(url, "live") == {"live": True}
    assert read(url, "ready") == {"ready": True, "problem": ""}
    done = answer("jobs", "run", "clean", "--wait")
    assert (done["state"], done["exit_code"], done["output"]) == (
        "done",
        0,
        "removed: 0 runs, 0 reports and exports, 0 answers",
    )
    # There is no ClickHouse, so this one cannot be done; it is told why, and tried again later.
    failed = answer("jobs", "run", "retention")
    until("the attempt to fail", lambda: answer("jobs", "history", "retention")[0]["exit_code"] == 1, 40)
    (listed,) = answer("jobs", "history", "retention")
    assert (listed["id"], listed["state"]) == (failed["id"], "waiting")
    assert "CLICKHOUSE_URL is not set" in listed["output"]
    assert "retention" in call("jobs", "list").output
    _, content = page(url, "metrics")
    assert b'millrace_job_attempts_total{became="done",job="clean"} 1.0' in content
    assert b'millrace_job_last_done_timestamp_seconds{job="clean"}' in content
    assert b"millrace_scheduler_leading 1.0" in content
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    with psycopg.connect(place) as connection:
        assert connection.execute("SELECT count(*) FROM leases").fetchone() == (0,)
