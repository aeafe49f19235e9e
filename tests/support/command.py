"""The command line beside a test's parts: each call is a process of its own, forked from one that has it all loaded."""

import asyncio
import importlib
import json
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.local.worker import environment
from streams.settings import Settings

SECONDS = 60
FORKS = multiprocessing.get_context("forkserver")
# Loading takes a second or two, and a test calls many commands.
FORKS.set_forkserver_preload(
    ["streams.cli.dlq", "streams.cli.intents", "streams.cli.batches", "agents.preflight", "tests.support.feed"]
)


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


def run(
    words: tuple[str, ...], settings: dict[str, str], constants: Mapping[str, object], out: Path, err: Path
) -> None:
    """Be `millrace` in this process."""
    for number, path in ((1, out), (2, err)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), number)
    os.environ.update(settings)
    for place, value in constants.items():
        module, _, name = place.rpartition(".")
        assert hasattr(importlib.import_module(module), name)
        setattr(importlib.import_module(module), name, value)
    sys.argv = ["millrace", *words]
    from streams.cli import main

    main()


async def millrace(settings: Settings, *words: str, **more: str) -> Done:
    """Run `millrace` with these settings' parts; `more` are further environment variables."""
    return await millrace_with({}, settings, *words, **more)


async def millrace_with(constants: Mapping[str, object], settings: Settings, *words: str, **more: str) -> Done:
    """The same with other values for constants of the code, by their full names, where a test would wait for them."""
    return await asyncio.to_thread(_call, words, environment(settings) | more, constants)


def _call(words: tuple[str, ...], settings: dict[str, str], constants: Mapping[str, object]) -> Done:
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        process = FORKS.Process(target=run, args=(words, settings, constants, out, err))
        process.start()
        process.join(SECONDS)
        code = process.exitcode
        if code is None:
            process.kill()
            raise AssertionError(f"millrace {' '.join(words)} runs for more than {SECONDS} s:\n{err.read_text()}")
        process.close()
        return Done(code, out.read_text(), err.read_text())
