"""Tokens of parts that never came to be: dropped from MergeTree's deduplication logs before the engine starts.

A MergeTree without replication writes an insert's token to its log before it renames the new part into place. A kill
between the two leaves a token without rows, and every retry under it is answered "written" and dropped. An entry is
kept if its part is on disk, or lies within one that is (a merge or mutation of it); every other one is dropped.
"""

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

_PART = re.compile(r"(?P<partition>[^_]+)_(?P<first>\d+)_(?P<last>\d+)_(?P<level>\d+)(?:_(?P<mutation>\d+))?")
_ADDED = "1"


@dataclass(frozen=True, slots=True)
class Part:
    """What a part's name says: its partition and the insert blocks that it holds."""

    partition: str
    first: int
    last: int

    def within(self, other: "Part") -> bool:
        """Whether the other part holds all blocks of this one."""
        return self.partition == other.partition and other.first <= self.first and self.last <= other.last


def part(name: str) -> Part | None:
    """Read a part's name; None for anything else, such as `detached` or `tmp_insert_...`."""
    found = _PART.fullmatch(name)
    return Part(found["partition"], int(found["first"]), int(found["last"])) if found else None


def cleaned(log: str, parts: Iterable[Part]) -> str:
    """The log without entries of parts that are not there, and without a last line that was cut off."""
    by_partition: dict[str, list[Part]] = {}
    for there in parts:
        by_partition.setdefault(there.partition, []).append(there)
    whole = log[: log.rfind("\n") + 1]
    return "".join(line for line in whole.splitlines(keepends=True) if _stands(line, by_partition))


def _stands(line: str, parts: Mapping[str, list[Part]]) -> bool:
    operation, _, rest = line.rstrip("\n").partition("\t")
    if operation != _ADDED:
        return True
    logged = part(rest.partition("\t")[0])
    return logged is None or any(logged.within(there) for there in parts.get(logged.partition, ()))


def disks(config: Path) -> list[Path]:
    """The folders of the disks that a configuration names beside the default one."""
    found = ElementTree.parse(config).getroot().findall("storage_configuration/disks/*/path")
    return [Path(path.text) for path in found if path.text]


def repair(folder: Path, config: Path) -> dict[Path, int]:
    """Clean the logs of every table in a data folder that no engine has open; says how many entries went, by file."""
    folder = folder.resolve()
    roots = [folder, *disks(config)]
    # A real database has its tables under `store`, with a link to each under `data`; an ordinary one has them there.
    found = (*folder.glob("store/*/*/deduplication_logs"), *folder.glob("data/*/*/deduplication_logs"))
    tables = sorted({logs.resolve() for logs in found})
    return {file: lines for logs in tables for file, lines in _repair_table(logs, folder, roots) if lines}


def _repair_table(logs: Path, folder: Path, roots: Iterable[Path]) -> Iterable[tuple[Path, int]]:
    place = logs.parent.relative_to(folder)
    names = (name for root in roots if (root / place).is_dir() for name in os.listdir(root / place))
    parts = [there for name in names if (there := part(name)) is not None]
    for file in sorted(logs.glob("deduplication_log_*.txt")):
        before = file.read_text("utf-8")
        after = cleaned(before, parts)
        if after != before:
            _replace(file, after)
        yield file, before.count("\n") - after.count("\n")


def _replace(file: Path, text: str) -> None:
    # Beside the folder of logs, not in it: the engine reads every file there.
    draft = file.parent.parent / f"tmp_{file.name}"
    with draft.open("w", encoding="utf-8") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    draft.replace(file)
