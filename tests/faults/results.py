"""What runs found, one line of JSON each, so that runs of many days add up."""

import json
import subprocess
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
RESULTS = Path(__file__).parent / "results.jsonl"
"""Where runs are kept unless told otherwise."""


@dataclass(frozen=True)
class Met:
    """One fault of a run, and how the stream met it."""

    kind: str
    part: str
    lasted: float
    """Seconds from its beginning to its end."""
    resumed: float | None
    """Seconds from its end until of every shard a record appended since could be queried; None: not waited for."""
    pick: float = 0.0


@dataclass(frozen=True)
class Result:
    """One run."""

    seed: int
    version: str
    """The commit that ran, with `+` if files were changed."""
    started_at: str
    workers: int
    rate: float
    age: float
    """Seconds after which ClickHouse refused a batch."""
    faults: list[Met] = field(default_factory=list)
    events: int = 0
    """Records in the topics."""
    lost: int = 0
    doubled: int = 0
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)
    """Everything that did not hold; empty if the run passed."""
    interrupted: bool = False
    """Cut short by whoever ran it."""


def append(path: Path, result: Result) -> None:
    """Add a run."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(json.dumps(asdict(result), separators=(",", ":")) + "\n")


def load(path: Path) -> list[Result]:
    """Every run of a file; none if there is no file. Raises ValueError, which names the line that is no run."""
    lines = path.read_text().splitlines() if path.exists() else []
    found = []
    for number, line in enumerate(lines, 1):
        try:
            given: dict[str, Any] = json.loads(line)
            found.append(Result(**given | {"faults": [Met(**each) for each in given["faults"]]}))
        except (TypeError, KeyError, ValueError) as error:
            raise ValueError(f"{path}:{number} is no result of a run ({error}); remove the line") from None
    return found


def total(results: list[Result]) -> str:
    """The last line of every command."""
    faults, events = sum(len(each.faults) for each in results), sum(each.events for each in results)
    lost, doubled = sum(each.lost for each in results), sum(each.doubled for each in results)
    return f"faults: {faults}, events: {events}, lost: {lost}, doubled: {doubled}"


def version() -> str:
    """The commit of this working copy; `unknown` outside of one."""

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()

    try:
        others = (".", f":!{RESULTS.relative_to(ROOT)}", ":!docs")
        changed = git("status", "--porcelain", "--untracked-files=no", "--", *others)
        return git("rev-parse", "--short=10", "HEAD") + ("+" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
