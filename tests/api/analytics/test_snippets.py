"""The snippets of docs/analytics.md run as they stand, against a running web process; so do its commands."""

import json
import re
import sys
from pathlib import Path

import pytest

from api.analytics.schema import MODELS
from clickhouse.analytics.kinds import KINDS
from metadata.keys import Scope
from streams.settings import Settings
from tests.support.command import millrace
from tests.support.metric_client import Asking
from tests.support.metric_world import World
from tests.support.posting import new_key
from tests.support.snippets import blocks, run

DOCUMENT = (Path(__file__).parents[3] / "docs/analytics.md").read_text()


async def test_the_snippets_work_as_they_stand(asking: Asking, metric_settings: Settings) -> None:
    key = await new_key(metric_settings, [Scope.METRICS_READ, Scope.PEOPLE_READ])
    shells, (python,) = blocks(DOCUMENT, "sh"), blocks(DOCUMENT, "python")
    asked = []
    for shell in shells:
        (name,) = re.findall(r"/v1/analytics/(?:funnels/)?(\w+)", shell)
        MODELS[name].model_validate(json.loads(await run(asking.url, key, "sh", "-ec", shell)))
        asked.append(name)
    assert {*asked} == MODELS.keys()
    assert "%" in await run(asking.url, key, sys.executable, "-c", python)


@pytest.mark.parametrize("block", blocks(DOCUMENT, "json"))
async def test_the_questions_are_asked_by_command(block: str, metric_world: World, tmp_path: Path) -> None:
    name = (
        "paths"
        if "anchor" in block
        else "funnels"
        if "steps" in block
        else "cohorts"
        if "doing" in block
        else "retention"
    )
    (tmp_path / "question.json").write_text(block)
    done = await millrace(metric_world.settings, "analytics", "ask", name, str(tmp_path / "question.json"))

    assert done.code == 0, done.err
    kept = {"cache": "off"}  # the command keeps nothing
    MODELS[name].model_validate(done.json | kept)


async def test_a_wrong_question_is_told_with_a_way_out(metric_world: World, tmp_path: Path) -> None:
    (tmp_path / "question.json").write_text('{"domain": "ticketing", "stps": []}')
    wrong = await millrace(metric_world.settings, "analytics", "ask", "funnels", str(tmp_path / "question.json"))
    unknown = await millrace(metric_world.settings, "analytics", "ask", "funnel", str(tmp_path / "question.json"))
    missing = await millrace(metric_world.settings, "analytics", "ask", "funnels", str(tmp_path / "none.json"))

    assert (wrong.code, unknown.code, missing.code) == (1, 1, 1)
    assert "steps" in wrong.err
    assert "Did you mean funnels?" in unknown.err
    assert ", ".join(KINDS) in unknown.err
    assert "cannot be read from" in missing.err
