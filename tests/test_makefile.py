"""The commands of the house: every target is listed, and an environment is made only when a lock changed."""

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TARGETS = (
    "help",
    "up",
    "test",
    "check",
    "test-long",
    "test-faults",
    "coverage",
    "bench",
    "bench-curves",
    "docs",
    "tools",
    "lock",
)


def make(*words: str) -> str:
    """What make says it would do, or does."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "ARGS", "SIZE"))}
    done = subprocess.run(["make", *words], cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_help_is_the_default_and_lists_every_target() -> None:
    said = make()
    assert said == make("help")
    assert set(TARGETS) <= set(re.findall(r"^  make ([\w-]+)", said, re.MULTILINE))


@pytest.mark.parametrize(("target", "lock"), [("up", "requirements.lock"), ("test", "requirements-dev.lock")])
def test_environment_is_made_only_when_its_lock_is_newer(target: str, lock: str, tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    fresh = make("-n", target, f"VENV={venv}")
    assert f"-m venv {venv}" in fresh
    assert f"--require-hashes -r {lock}" in fresh
    (venv / "bin").mkdir(parents=True)
    for name in ("bin/python", ".run", ".dev"):
        (venv / name).touch()
    assert "install" not in make("-n", target, f"VENV={venv}")
    os.utime(venv / ".run", (0, 0))
    os.utime(venv / ".dev", (0, 0))
    assert f"--require-hashes -r {lock}" in make("-n", target, f"VENV={venv}")


def test_arguments_are_passed_on() -> None:
    assert "millrace up --demo none --for 5" in make("-n", "up", "ARGS=--demo none --for 5")


def test_no_test_is_in_two_suites_or_none() -> None:
    assert "-m 'not faults and not long'" in make("-n", "test")
    assert "-m 'long and not faults'" in make("-n", "test-long")
    assert "make check test test-long" in (ROOT / ".ci" / "run").read_text()


def test_faults_have_a_size() -> None:
    usual = make("-n", "test-faults")
    assert "-m tests.faults --size small" in usual
    assert "pytest -m faults" not in usual
    said = make("-n", "test-faults", "SIZE=full", "ARGS=--again")
    assert "-m tests.faults --size full --again" in said
    assert "pytest -m faults" in said


def test_benchmark_is_the_race_unless_another_is_named() -> None:
    assert "-m bench peers --size full" in make("-n", "bench")
    assert "-m bench peers --size small" in make("-n", "bench", "SIZE=small")
    assert "-m bench guard --record" in make("-n", "bench")
    alone = make("-n", "bench", "ARGS=decode")
    assert "-m bench decode" in alone
    assert "-m bench guard" not in alone


def test_curves_have_a_size_and_can_be_chosen() -> None:
    assert "-m bench curves --size full" in make("-n", "bench-curves")
    assert "-m bench curves --size small --only load" in make("-n", "bench-curves", "SIZE=small", "ARGS=--only load")


def test_submission_runs_what_a_developer_runs() -> None:
    script = ROOT / ".ci/run"
    assert os.access(script, os.X_OK)
    assert "make check test" in script.read_text()
    assert "make bench ARGS=guard" in script.read_text()
    assert ".ci/run" in (ROOT / ".github/workflows/ci.yml").read_text()
