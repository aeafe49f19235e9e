"""One lap from outside: a contestant started on its core, waited for, held to the truth, ended."""

import json
import threading
import time
from pathlib import Path
from typing import Any

from bench.parts.check import Task, hold
from bench.parts.entrants import Command
from bench.parts.lap import RESULT
from bench.parts.order import Part
from bench.peers.place import Place
from bench.peers.race import Figures
from bench.peers.site import ROOT
from deploy.local import process as processes

LOOK_SECONDS = 0.05
PATIENCE = 900.0
GRACE_SECONDS = 1.0
"""It has nothing to close: its result is written."""


def lap(name: str, command: Command, task: Task, place: Place, core: int, patience: float = PATIENCE) -> Figures:
    """Let a contestant do its part. Raises WrongWork, and RuntimeError with the end of its log."""
    home = Path(place.home)
    env = place.environment() | task.order.environment() | {"PYTHONPATH": str(ROOT), "LOG_LEVEL": "warning"}
    argv = ("taskset", "-c", str(core), *command)
    process = processes.Process(processes.Command(argv, env=env, grace=GRACE_SECONDS), home / "worker.log")
    process.start()
    try:
        spent = _result(name, process, home / RESULT, patience)
    finally:
        process.stop()
    hold(name, task, spent["found"])
    return figures(spent, task)


def figures(spent: dict[str, Any], task: Task) -> Figures:
    """Events per second of CPU, from the first fetch on, and by the clock, from the first records on."""
    by_clock = spent["events"] / max(spent["seconds"], 1e-6)
    found: Figures = {
        "events_per_core_second": round(task.order.records / max(spent["cpu"], 1e-6)),
        "events_per_second": round(by_clock),
        "peak_megabytes": spent["peak_megabytes"],
    }
    if "second_half_cpu" in spent:
        found["warm_events_per_core_second"] = round(task.order.records / 2 / max(spent["second_half_cpu"], 1e-6))
    if task.order.part is Part.LIMITS:
        found["megabytes_per_second"] = round(by_clock * task.bytes_a_record / 1e6, 1)
    return found


def _result(name: str, process: processes.Process, path: Path, patience: float) -> dict[str, Any]:
    """What the contestant has written, as soon as it has."""
    pause, deadline = threading.Event(), time.monotonic() + patience
    while not path.exists():
        if not process.running or time.monotonic() > deadline:
            if path.exists():  # it was written between the two looks
                break
            what = "takes too long" if process.running else "has ended without a result"
            raise RuntimeError(f"{name} {what}; its log ends:\n{process.tail(30)}")
        pause.wait(LOOK_SECONDS)
    spent: dict[str, Any] = json.loads(path.read_text())
    return spent
