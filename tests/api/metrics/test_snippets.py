"""The snippets of docs/asking-for-metrics.md run as they stand, against a running web process."""

import json
import re
import sys
from pathlib import Path
from typing import Any

from api.metrics import models
from tests.api.metrics import test_boards
from tests.support.command import millrace
from tests.support.metric_client import Asking
from tests.support.metric_world import World
from tests.support.snippets import blocks, run

MODELS: dict[str, Any] = {**test_boards.MODELS, "geo": models.GeoAnswer}
"""The answers at addresses that have one of their own."""
DOCUMENT = (Path(__file__).parents[3] / "docs/asking-for-metrics.md").read_text()


async def test_the_snippets_work_as_they_stand(asking: Asking, people_key: str) -> None:
    shells, (python,) = blocks(DOCUMENT, "sh"), blocks(DOCUMENT, "python")
    assert len(shells) == 7
    for shell in shells:
        model = next((model for path, model in MODELS.items() if f"/v1/metrics/{path}" in shell), models.MetricsAnswer)
        model.model_validate(json.loads(await run(asking.url, people_key, "sh", "-ec", shell)))
    assert all(
        len(line.split()) == 3
        for line in (await run(asking.url, asking.key, sys.executable, "-c", python)).splitlines()
    )


async def test_the_commands_work_as_they_stand(metric_world: World) -> None:
    (commands,) = [block for block in blocks(DOCUMENT, "") if block.startswith("millrace")]
    for line in commands.splitlines():
        words = re.sub(r"[\[\]]", "", line).split()[1:]
        done = await millrace(metric_world.settings, *words)
        assert done.code == 0, done.err
