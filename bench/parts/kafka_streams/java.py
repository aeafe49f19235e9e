"""Kafka Streams' jars, fetched on the first call, and how its source file is run: by a JDK with a compiler."""

import subprocess
from pathlib import Path

from deploy.local import tools

VERSION = tools.KAFKA_VERSION
JARS = tools.FOLDER / "kafka-streams" / VERSION
ARTIFACT = f"org.apache.kafka:kafka-streams:{VERSION}"
SOURCE = Path(__file__).parent / "MinuteCounts.java"
HEAP = "-Xmx512m"
COMPILER = "jdk.compiler"


class Missing(Exception):
    """Kafka Streams cannot be run here; the text says what is missing and what to do."""


def command(*words: str) -> tuple[str, ...]:
    """The program with these arguments. Raises Missing."""
    java = tools.java()
    if java is None:
        raise Missing("there is no Java of version 17 or later; run `make tools`")
    if not compiles(java):
        raise Missing(f"{java} has no compiler, so {SOURCE.name} cannot be run; install a JDK, not only a JRE")
    if not (JARS / f"kafka-streams-{VERSION}.jar").exists():
        try:
            tools.install_jars(JARS, ARTIFACT, tools.LOGGING)
        except tools.Unavailable as error:
            raise Missing(f"the jars of {ARTIFACT} cannot be fetched: {error}") from error
    log = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
    return (java, HEAP, log, "-cp", f"{JARS}/*", str(SOURCE), *words)


def compiles(java: str) -> bool:
    """Whether this Java runs a source file."""
    said = subprocess.run([java, "--list-modules"], capture_output=True, text=True, check=False).stdout
    return any(line.partition("@")[0] == COMPILER for line in said.splitlines())
