"""Other versions of the product, for workers to run as: copies of it in which a few lines say something else."""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tests.faults.results import ROOT

PACKAGES = ("streams", "agents", "tables", "clickhouse", "api", "metadata", "deploy")
LEFT_OUT_TOPIC = "ticketing.catalog"


class Change(NamedTuple):
    """One place of one file."""

    file: str
    """From the root of the product."""
    old: str
    new: str


@dataclass(frozen=True)
class Version:
    """What sets a version apart from this one."""

    name: str
    changes: tuple[Change, ...] = ()


RENAMED = Version("0.0.2")
"""The same under another number: a record's token is not used by another version where only some rows are there."""
NARROWER = Version(
    "9.0.0",
    (
        # Refuses what this one takes: oracle.MOST_SEATS.
        Change(
            "streams/events/fields.py",
            'Seats = Annotated[int, Field(ge=1, le=2**8 - 1), Column("UInt8")]',
            'Seats = Annotated[int, Field(ge=1, le=8), Column("UInt8")]',
        ),
        # Fills another word into the columns of a position.
        Change(
            "agents/locate.py",
            'return zone or "", city or place.city, state or',
            'return zone or "", (city or place.city).upper(), state or',
        ),
    ),
)
"""Changed validation and enrichment."""
OLDER = Version(
    "0.0.1",
    (
        Change(
            "streams/topics.py",
            "return tuple(TOPICS)",
            f'return tuple(name for name in TOPICS if name != "{LEFT_OUT_TOPIC}")',
        ),
        Change("streams/intent.py", "\nFORMAT = 2\n", "\nFORMAT = 1\n"),
        Change(
            "streams/intent.py",
            "return _encode(self)",
            'return _encode({k: v for k, v in msgspec.structs.asdict(self).items() if k != "stores"})',
        ),
    ),
)
"""Other records, which do not say over how many ClickHouse shards rows are spread, and a topic less."""


def copied(version: Version, home: Path) -> Path:
    """The folder below `home` in which a process runs as this version; made if it is not there."""
    folder = home / f"version-{version.name}"
    if folder.exists():
        return folder
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package)
    for change in version.changes:
        file = folder / change.file
        text = file.read_text()
        assert text.count(change.old) == 1, f"{change.file} no longer says once: {change.old}"
        file.write_text(text.replace(change.old, change.new))
    about = folder / f"millrace-{version.name}.dist-info" / "METADATA"
    about.parent.mkdir()
    about.write_text(f"Metadata-Version: 2.1\nName: millrace\nVersion: {version.name}\n")
    code = "import agents; from streams.version import VERSION; print(VERSION, agents.__path__[0])"
    argv = (sys.executable, "-c", code)
    said = subprocess.run(argv, cwd=folder, capture_output=True, text=True, check=True).stdout.split()
    assert said == [version.name, str(folder / "agents")], f"a worker would be {said}: what is installed comes first"
    return folder
