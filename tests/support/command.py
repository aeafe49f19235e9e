"""The command line beside a test's parts: each call is a process of its own, forked from one that has it all loaded."""

import asyncio
import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.local.worker import environment
from streams.settings import Settings
from tests.support.forked import Forked

SECONDS = 60


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
    return await millrace_with({}, settings, *words, **more)


async def millrace_with(constants: Mapping[str, object], settings: Settings, *words: str, **more: str) -> Done:
    """The same with other values for constants of the code, by their full names, where a test would wait for them."""
    return await asyncio.to_thread(_call, words, environment(settings) | more, constants)


def _call(words: tuple[str, ...], settings: dict[str, str], constants: Mapping[str, object]) -> Done:
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        process = Forked(("millrace", *words), settings, out, err, constants=constants)
        process.start()
        try:
            code = process.wait(SECONDS)
        except TimeoutError:
            process.stop()
            what = f"millrace {' '.join(words)} runs for more than {SECONDS} s"
            raise AssertionError(f"{what}:\n{err.read_text()}") from None
        return Done(code, out.read_text(), err.read_text())
