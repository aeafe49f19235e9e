"""Each dependency is explained, and locked."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def name_of(requirement: str) -> str:
    """The package's name without extras and versions."""
    return re.split(r"[\[<>=!~; ]", requirement, maxsplit=1)[0]


RUN = [name_of(r) for r in PROJECT["dependencies"]]
DEV = [name_of(r) for r in PROJECT["optional-dependencies"]["dev"]]


def test_reasons_are_given_for_exactly_these_packages() -> None:
    page = (ROOT / "docs/decisions/0002-dependencies.md").read_text()
    explained = [
        name_of(row) for row in re.findall(r"^\| ([a-z][\w.\[\]-]*) \|", page, re.MULTILINE) if row != "package"
    ]
    assert sorted(explained) == sorted(RUN + DEV)


@pytest.mark.parametrize(("lock", "names"), [("requirements.lock", RUN), ("requirements-dev.lock", RUN + DEV)])
def test_lock_names_every_package(lock: str, names: list[str]) -> None:
    locked = set(re.findall(r"^([\w.-]+)(?:\[[\w,-]+\])?==", (ROOT / lock).read_text(), re.MULTILINE))
    assert set(names) <= locked, f"not locked: {set(names) - locked}; run `make lock`"


def test_lists_are_in_order() -> None:
    assert sorted(DEV) == DEV
    assert sorted(RUN) == sorted(set(RUN))
