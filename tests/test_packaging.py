"""What `pip install` gives: the console script, `faust -A streams`, and a wheel of product packages only."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent


def run(*command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder that is not the checkout, as an installed product would be."""
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=60)


def test_console_script_says_its_version(tmp_path: Path) -> None:
    done = run(str(BIN / "millrace"), "--version", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("millrace ")


def test_help_is_given_without_loading_a_command(tmp_path: Path) -> None:
    program = """
import sys
from streams import cli
try:
    cli.app(["--help"])
except SystemExit:
    pass
loaded = [m for m in sys.modules if m.startswith("streams.cli.")]
heavy = {"faust", "aiokafka", "clickhouse_connect", "chdb"} & set(sys.modules)
assert not loaded and not heavy, (loaded, heavy)
"""
    done = run(sys.executable, "-c", program, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "up" in done.stdout


def test_errors_raised_on_purpose_are_one_message_and_exit_code_one(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("KAFKA_PARTITIONS=none\n")
    done = run(str(BIN / "millrace"), "settings", "list", cwd=tmp_path)
    assert done.returncode == 1
    assert "KAFKA_PARTITIONS='none'" in done.stderr
    assert "Traceback" not in done.stderr


def test_wheel_holds_the_product_and_nothing_else(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir"]
    source = tmp_path / "source"
    shutil.copytree(ROOT, source, ignore=shutil.ignore_patterns(".*", "*.egg-info", "__pycache__", "build"))
    done = run(*build, str(tmp_path), str(source), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("millrace-*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names if ".dist-info" not in name}
    assert tops <= {"streams", "agents", "tables", "clickhouse", "api", "metadata", "deploy"}
    assert "streams/py.typed" in names
    page = {f"api/static/{name}" for name in ("index.html", "js/main.js", "css/page.css", "icon.svg")}
    vendored = {f"api/static/vendor/{name}" for name in ("uPlot.iife.min.js", "uPlot.min.css", "LICENSE.txt")}
    posted = {"api/static/pages.js", "api/ingest/limits.lua"}
    migrations = {
        f"metadata/alembic/{name}" for name in ("env.py", "versions/m0001_api_keys.py", "versions/m0002_jobs.py")
    }
    assert page | vendored | posted | migrations <= set(names)


def test_faust_finds_the_app_from_any_folder(tmp_path: Path) -> None:
    done = run(str(BIN / "faust"), "-A", "streams", "agents", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "ingest" in done.stdout
    assert "exactly once" in done.stdout


def test_worker_without_parts_ends_with_one_message(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("KAFKA_BOOTSTRAP_SERVERS=127.0.0.1:1\nCLICKHOUSE_URL=http://127.0.0.1:1\n")
    done = run(str(BIN / "faust"), "-A", "streams", "worker", "-l", "info", cwd=tmp_path)
    assert done.returncode == 1
    assert "millrace: " in done.stderr
    assert "KAFKA_BOOTSTRAP_SERVERS" in done.stderr
    assert "Traceback" not in done.stderr


def test_procfile_names_commands_that_are_installed() -> None:
    for line in (ROOT / "Procfile").read_text().splitlines():
        _, _, command = line.partition(": ")
        assert (BIN / command.split()[0]).exists(), line
        assert "$" not in command, f"{line}: settings are read from the environment and .env, not by a shell"
