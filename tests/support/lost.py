"""ClickHouse lost with all its data, while its supervisor lives."""

import os
import shutil
import signal
from pathlib import Path

from deploy.local.part import Part
from tests.support.waiting import until


def lose(server: Part, data: Path) -> None:
    """Kill the server and take its data folder; it comes up again as a new one."""
    before, lost = server.restarts, data.with_name("lost")
    os.kill(server.pid, signal.SIGKILL)
    data.rename(lost)
    shutil.rmtree(lost)
    until("a new server answers", lambda: server.restarts > before, 60)
