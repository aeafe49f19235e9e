"""Installs what tests need beyond Python, and finds it: Kafka, ZooKeeper, an S3 server, a browser and others.

`python -m deploy.local.tools` is idempotent, says what it could not get and why, and never fails a build: tests that
need a missing tool are skipped by name, or fail where `CI` is set. What takes minutes to build is installed only where
it is named: `make tools ARGS=versitygw`.
"""

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

FOLDER = Path(__file__).parent.parent.parent / ".tools"
KAFKA_VERSION = "4.0.0"
KAFKA = FOLDER / "kafka" / KAFKA_VERSION
ZOOKEEPER_VERSION = "3.9.3"
ZOOKEEPER = FOLDER / "zookeeper" / ZOOKEEPER_VERSION
VEGETA_VERSION = "12.13.0"
VEGETA = FOLDER / "vegeta" / VEGETA_VERSION
VERSITYGW_VERSION = "1.8.0"
VERSITYGW = FOLDER / "versitygw" / VERSITYGW_VERSION
MINUTES = 60
LOGGING = "org.slf4j:slf4j-simple:1.7.36"
KAFKA_JARS = (f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}", LOGGING)
# The last two are what its server needs and its POM leaves to whoever runs it.
ZOOKEEPER_JARS = (
    f"org.apache.zookeeper:zookeeper:{ZOOKEEPER_VERSION}",
    LOGGING,
    "io.dropwizard.metrics:metrics-core:4.1.12.1",
    "org.xerial.snappy:snappy-java:1.1.10.5",
)
POM = """<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>millrace</groupId><artifactId>for-tests</artifactId><version>1</version>
  <dependencies>
{dependencies}
  </dependencies>
</project>
"""
DEPENDENCY = """    <dependency>
      <groupId>{}</groupId><artifactId>{}</artifactId><version>{}</version>
    </dependency>"""


class Unavailable(Exception):
    """A tool could not be installed; the text says why, and what a person can do."""


class Tool(NamedTuple):
    """One tool: how it is found (a path, or None) and how it is installed."""

    find: Callable[[], str | None]
    install: Callable[[], None]
    used_for: str
    slow: bool = False
    """It takes minutes, so it is installed where it is named, and its tests are among those of `make test-faults`."""


def run(
    *command: str, cwd: Path | None = None, minutes: float = 10, env: Mapping[str, str] = MappingProxyType({})
) -> None:
    """Run a command quietly, `env` beside the environment. Raises Unavailable with the end of what it said."""
    try:
        done = subprocess.run(
            command,
            cwd=cwd,
            env={**os.environ, **env},
            capture_output=True,
            text=True,
            timeout=minutes * MINUTES,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(str(error)) from None
    if done.returncode:
        raise Unavailable(f"`{' '.join(command)}` says: {(done.stderr or done.stdout).strip()[-500:]}")


def apt(*packages: str) -> None:
    """Install Debian packages, as root or by sudo without a password."""
    if not shutil.which("apt-get"):
        raise Unavailable(f"no apt-get here; install {' '.join(packages)} by hand")
    root = () if os.geteuid() == 0 else ("sudo", "-n")
    env = (*root, "env", "DEBIAN_FRONTEND=noninteractive")
    try:
        run(*env, "apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages)
    except Unavailable:
        run(*root, "apt-get", "update", "-qq")
        run(*env, "apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages)


def java() -> str | None:
    """The path of a Java that Kafka runs on (17 or later)."""
    path = shutil.which("java")
    if path is None:
        return None
    said = subprocess.run([path, "-version"], capture_output=True, text=True, check=False).stderr
    major = said.partition('version "')[2].partition(".")[0].partition('"')[0]
    return path if major.isdigit() and int(major) >= 17 else None


def kafka() -> str | None:
    """The folder of Kafka's jars."""
    return str(KAFKA) if java() and (KAFKA / f"kafka_2.13-{KAFKA_VERSION}.jar").exists() else None


def zookeeper() -> str | None:
    """The folder of ZooKeeper's jars."""
    return str(ZOOKEEPER) if java() and (ZOOKEEPER / f"zookeeper-{ZOOKEEPER_VERSION}.jar").exists() else None


def install_jars(target: Path, *artifacts: str) -> None:
    """Copy jars and what they need from Maven Central into `.tools`; they appear all or not at all."""
    missing = [
        package for package, there in (("default-jre-headless", java()), ("maven", shutil.which("mvn"))) if not there
    ]
    if missing:
        apt(*missing)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        dependencies = "\n".join(DEPENDENCY.format(*artifact.split(":")) for artifact in artifacts)
        (Path(scratch) / "pom.xml").write_text(POM.format(dependencies=dependencies))
        goal = ("dependency:copy-dependencies", "-DoutputDirectory=jars", "-DincludeScope=runtime")
        run("mvn", "-B", "-q", *goal, cwd=Path(scratch))
        shutil.rmtree(target, ignore_errors=True)
        (Path(scratch) / "jars").rename(target)


def promtool() -> str | None:
    """The program that checks Prometheus rules, and beside it `prometheus`."""
    unpacked = FOLDER / "prometheus" / "usr" / "bin" / "promtool"
    return str(unpacked) if unpacked.exists() else shutil.which("promtool")


def install_promtool() -> None:
    """Unpack Debian's package instead of installing it: installed, it would start a server on this machine."""
    if not shutil.which("apt-get"):
        raise Unavailable("no apt-get here; install prometheus by hand")
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=FOLDER) as scratch:
        os.chmod(scratch, 0o777)  # apt downloads as a user of its own
        try:
            run("apt-get", "download", "-qq", "prometheus", cwd=Path(scratch))
        except Unavailable:
            run(*(() if os.geteuid() == 0 else ("sudo", "-n")), "apt-get", "update", "-qq")
            run("apt-get", "download", "-qq", "prometheus", cwd=Path(scratch))
        (package,) = Path(scratch).glob("*.deb")
        run("dpkg-deb", "-x", str(package), str(FOLDER / "prometheus"))


def versitygw() -> str | None:
    """The S3 server."""
    return _built(VERSITYGW, "versitygw")


def vegeta() -> str | None:
    """The load tool."""
    return _built(VEGETA, "vegeta")


def _built(folder: Path, name: str) -> str | None:
    return str(folder / name) if (folder / name).exists() else shutil.which(name)


def go_install(folder: Path, module: str) -> None:
    """Build a program of a module of Go, which takes minutes of a core the first time; no registry has it built."""
    if not shutil.which("go"):
        raise Unavailable("no Go here to build it with; install Go, or the program itself, by hand")
    run("go", "install", "-ldflags=-s -w", module, minutes=20, env={"GOBIN": str(folder), "CGO_ENABLED": "0"})


def chromium() -> str | None:
    """A browser that can be driven without a screen."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


TOOLS: dict[str, Tool] = {
    "kafka": Tool(kafka, lambda: install_jars(KAFKA, *KAFKA_JARS), "faults and transactions on Apache Kafka"),
    "zookeeper": Tool(zookeeper, lambda: install_jars(ZOOKEEPER, *ZOOKEEPER_JARS), "replicated tables"),
    "versitygw": Tool(
        versitygw,
        lambda: go_install(VERSITYGW, f"github.com/versity/versitygw/cmd/versitygw@v{VERSITYGW_VERSION}"),
        "archive and reports in an object store",
        slow=True,
    ),
    "vegeta": Tool(
        vegeta,
        lambda: go_install(VEGETA, f"github.com/tsenart/vegeta/v12@v{VEGETA_VERSION}"),
        "the load of `make bench ARGS=traffic`",
        slow=True,
    ),
    "faketime": Tool(lambda: shutil.which("faketime"), lambda: apt("faketime"), "workers whose clock jumps"),
    "promtool": Tool(promtool, install_promtool, "checks of metrics and alert rules"),
    "chromium": Tool(chromium, lambda: apt("chromium"), "tests of web pages"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Install what is missing of the named tools, or of all that do not take long; one line for each tool."""
    parser = argparse.ArgumentParser(prog="python -m deploy.local.tools", description=main.__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(TOOLS)}")
    names = parser.parse_args(arguments).names
    if unknown := sorted(set(names) - set(TOOLS)):
        parser.error(f"there is no tool {unknown[0]}; there are {', '.join(TOOLS)}")
    for name, tool in TOOLS.items():
        if name not in names if names else tool.slow:
            continue
        found = tool.find()
        if found is None:
            sys.stdout.write(f"{name}: installing ...\n")
            sys.stdout.flush()
            try:
                tool.install()
            except Unavailable as error:
                sys.stdout.write(f"{name}: NOT AVAILABLE ({tool.used_for} cannot be tested here). {error}\n")
                continue
            found = tool.find()
        sys.stdout.write(f"{name}: {found or f'NOT AVAILABLE ({tool.used_for} cannot be tested here)'}\n")
    if platform.machine() != "x86_64":
        sys.stdout.write(f"note: the wheels of the embedded stack are for x86_64, this is {platform.machine()}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
