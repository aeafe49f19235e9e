"""The snippets of docs/exports.md and docs/reports.md run as they stand."""

import io
import json
import re
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import openpyxl
import pytest

from api.reports import content
from streams.cli import load_command
from tests.support.metric_world import World
from tests.support.ordering import Ordering
from tests.support.snippets import blocks, run

DOCS = Path(__file__).parents[3] / "docs"


async def test_the_snippets_work_as_they_stand(ordering: Ordering, tmp_path: Path, metric_world: World) -> None:
    workbook, lines, *orders = blocks((DOCS / "exports.md").read_text(), "sh")
    place = ordering.asking.url, ordering.asking.key

    await run(*place, "sh", "-ec", f"cd {tmp_path}\n{workbook}")
    sheet = openpyxl.load_workbook(io.BytesIO((tmp_path / "earned.xlsx").read_bytes())).active
    assert sheet is not None
    assert [cell.value for cell in sheet[1]][:2] == ["metric", "unit"]
    for line in (await run(*place, "sh", "-ec", lines)).splitlines():
        assert [*json.loads(line)] == ["occurred_at", "event_type", "amount", "currency"]
    states = [json.loads(await run(*place, "sh", "-ec", order))["state"] for order in orders]
    assert states == ["waiting", "waiting"]


@pytest.mark.parametrize("page", ["exports.md", "reports.md", "audit.md"])
def test_the_commands_of_a_page_are_there(page: str) -> None:
    (commands,) = [block for block in blocks((DOCS / page).read_text(), "") if block.startswith("millrace")]
    for line in commands.splitlines():
        words = re.sub(r"[\[\]]|#.*", "", line).split()[1:]
        command = load_command(words[0]).commands[words[1]]
        known = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= known


def test_the_report_of_the_page_is_one() -> None:
    (text,) = blocks((DOCS / "reports.md").read_text(), "toml")
    found = content.read(tomllib.loads(text), datetime.now(UTC))
    assert (found.cron, len(found.sections), found.delivery.webhook) == ("0 6 * * MON", 3, True)
