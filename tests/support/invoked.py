"""The command line called within the test's own process, whose environment names the parts."""

import json
from typing import Any

from typer.testing import CliRunner, Result

from streams.cli import app


def call(*words: str) -> Result:
    """Run a command; what it raises is raised here."""
    return CliRunner().invoke(app, list(words), catch_exceptions=False)


def answer(*words: str, code: int = 0) -> Any:
    """What a command prints with --json."""
    result = call(*words, "--json")
    assert result.exit_code == code, result.output
    return json.loads(result.stdout)
