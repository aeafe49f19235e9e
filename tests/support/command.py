"""The command line as a process of its own, beside a test's parts."""

import asyncio
import json
import os
import sys
from dataclasses import dataclass
from typing import Any

from deploy.local.worker import environment
from streams.settings import Settings


@dataclass
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed with --json."""
        assert self.out, self.err
        return json.loads(self.out)


async def millrace(settings: Settings, *words: str, **more: str) -> Done:
    """Run `millrace` with these settings' parts; `more` are further environment variables."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "streams.cli", *words),
        env={**os.environ, **environment(settings), **more},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode is not None
    return Done(process.returncode, out.decode(), err.decode())
