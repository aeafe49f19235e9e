"""What workers, producers and commands load: the process that they are forked from has it already.

Not `streams.worker`, which reads the settings of its own process.
"""

import importlib

from agents import places

for name in (
    "agents.ingest",
    "agents.pages",
    "agents.preflight",
    "agents.window_pages",
    "clickhouse.arrow",
    "faust.cli.faust",
    "faust.cli.worker",
    "faust.web.drivers.aiohttp",
    "streams.chunks",
    "streams.cli.batches",
    "streams.cli.dlq",
    "streams.cli.intents",
    "streams.cli.load",
    "streams.cli.replay",
    "tables.faust",
    "tests.support.feed",
):
    importlib.import_module(name)
places.load()
