"""The snippets of docs/asking-for-metrics.md run as they stand, against a running web process."""

import asyncio
import json
import re
import sys
from pathlib import Path

from api.metrics import models
from tests.support.command import millrace
from tests.support.metric_client import Asking
from tests.support.metric_world import World

DOCUMENT = (Path(__file__).parents[3] / "docs/asking-for-metrics.md").read_text()


def blocks(language: str) -> list[str]:
    """The blocks of the document in this language."""
    return re.findall(rf"```{language}\n(.*?)```", DOCUMENT, re.DOTALL)


async def run(asking: Asking, *command: str) -> str:
    """Run a command that finds the web process as the document says; what it printed."""
    env = {"MILLRACE_URL": asking.url, "MILLRACE_KEY": asking.key, "PATH": "/usr/bin:/bin"}
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, env=env, stdout=pipe, stderr=pipe)
    out, errors = await process.communicate()
    assert process.returncode == 0, (out, errors)
    return out.decode()


async def test_the_snippets_work_as_they_stand(asking: Asking) -> None:
    shells, (python,) = blocks("sh"), blocks("python")
    assert len(shells) == 3
    for shell in shells:
        models.MetricsAnswer.model_validate(json.loads(await run(asking, "sh", "-ec", shell)))
    assert all(len(line.split()) == 3 for line in (await run(asking, sys.executable, "-c", python)).splitlines())


async def test_the_commands_work_as_they_stand(metric_world: World) -> None:
    (commands,) = [block for block in blocks("") if block.startswith("millrace")]
    for line in commands.splitlines():
        words = re.sub(r"[\[\]]", "", line).split()[1:]
        done = await millrace(metric_world.settings, *words)
        assert done.code == 0, done.err
