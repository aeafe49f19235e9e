"""`make tools`: does nothing twice, and says what it could not get instead of failing."""

import subprocess
from pathlib import Path

import pytest

from deploy.local import tools
from deploy.local.tools import TOOLS, Tool, Unavailable


def test_tools_that_are_there_are_left_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def never() -> None:
        raise AssertionError("installed again")

    monkeypatch.setattr(tools, "TOOLS", {"thing": Tool(lambda: "/usr/bin/thing", never, "things")})
    assert tools.main([]) == 0
    assert capsys.readouterr().out == "thing: /usr/bin/thing\n"


def test_what_cannot_be_had_is_named_with_its_reason(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse() -> None:
        tools.run("sh", "-c", "echo no network >&2; exit 3")

    monkeypatch.setattr(tools, "TOOLS", {"thing": Tool(lambda: None, refuse, "things")})
    assert tools.main([]) == 0
    said = capsys.readouterr().out
    assert "thing: NOT AVAILABLE (things cannot be tested here)" in said
    assert "no network" in said


def test_program_that_does_not_exist_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="no-such-program"):
        tools.run("no-such-program")


def test_old_java_does_not_count(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    java = tmp_path / "java"
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    for version, wanted in (("17.0.15", str(java)), ("21", str(java)), ("1.8.0_402", None), ("11.0.2", None)):
        java.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2025' >&2\n")
        java.chmod(0o755)
        assert tools.java() == wanted


def test_what_takes_minutes_is_installed_where_it_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made: list[str] = []
    thing = Tool(lambda: made[0] if made else None, lambda: made.append("/thing"), "things", slow=True)
    monkeypatch.setattr(tools, "TOOLS", {"thing": thing})
    assert tools.main([]) == 0
    assert not made
    assert tools.main(["thing"]) == 0
    assert capsys.readouterr().out == "thing: installing ...\nthing: /thing\n"
    with pytest.raises(SystemExit):
        tools.main(["other"])
    assert "there is no tool other; there are thing" in capsys.readouterr().err


def test_every_tool_is_found_where_make_tools_put_it() -> None:
    for name, tool in TOOLS.items():
        found = tool.find()
        if found is not None and name not in ("kafka", "zookeeper"):
            assert subprocess.run([found, "--version"], capture_output=True, check=False).returncode == 0
        elif found is not None:
            assert list(Path(found).glob("kafka-clients-*.jar" if name == "kafka" else "zookeeper-jute-*.jar"))
