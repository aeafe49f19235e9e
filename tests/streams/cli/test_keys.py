"""`millrace keys`: the secret is shown once, alone on standard output, and everything else can be looked up."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from metadata import secret
from streams.cli.keys import app
from streams.errors import ConfigurationError


@pytest.fixture(autouse=True)
def place(metadata_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MILLRACE_HOME", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", metadata_url)


def call(*words: str) -> Result:
    return CliRunner().invoke(app, list(words), catch_exceptions=False)


def test_made_listed_and_revoked() -> None:
    assert "there are no keys" in call("list").output
    made = call("create", "checkout", "--domain", "ticketing", "--events-per-second", "50", "--days", "1")
    text = made.stdout.strip()
    given = secret.parse(text)
    assert given is not None
    assert "not shown again" in made.stderr
    assert text not in made.stderr
    (listed,) = json.loads(call("list", "--json").output)
    assert (listed["id"], listed["state"], listed["domains"]) == (given.id, "active", ["ticketing"])
    assert (listed["scopes"], listed["events_per_second"]) == (["events:write"], 50)
    shown = call("list").output
    assert "never used" in shown
    assert text.split("_", 2)[2] not in shown
    assert "refuse it within 2 s" in call("revoke", given.id).output
    assert "revoked" in call("list").output


def test_an_expired_key_is_listed_as_such() -> None:
    made = json.loads(call("create", "short", "--days", "0", "--json").output)
    assert secret.parse(made["key"]) is not None
    assert json.loads(call("list", "--json").output)[0]["state"] == "expired"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("create", " "), "needs a name"),
        (("create", "x", "--domain", "trains"), "choose of rides, ticketing"),
        (("revoke", "abc"), "there is no key 'abc'"),
    ],
)
def test_what_is_wrong_is_said(words: tuple[str, ...], says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        call(*words)
