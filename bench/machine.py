"""What a figure was measured on, in the words of every result."""

import os
import platform
from pathlib import Path
from typing import Any

import psutil


def processor() -> str:
    """The model's name, else the architecture's."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def described() -> dict[str, Any]:
    """Cores, memory, processor and Python."""
    return {
        "cores": os.cpu_count(),
        "memory_gigabytes": round(psutil.virtual_memory().total / 2**30, 1),
        "processor": processor(),
        "python": platform.python_version(),
    }
