"""How a test meets a tool that is not installed: skipped by name and shown at the end, or failed where CI is set."""

import os

import pytest

from deploy.local.tools import TOOLS

MISSING: set[str] = set()


def need(name: str) -> str:
    """The path of a tool of `make tools`; ends the test where there is none."""
    found = TOOLS[name].find()
    if found is not None:
        return found
    MISSING.add(name)
    reason = f"{name} is missing, so {TOOLS[name].used_for} are not tested; run `make tools ARGS={name}`"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say once more, last and in red, what was not tested."""
    for name in sorted(MISSING):
        terminalreporter.write_line(
            f"NOT TESTED: {name} is missing. Run `make tools ARGS={name}`.", red=True, bold=True
        )
