"""A load tool's steady rate: vegeta asks whether the server keeps up or not, and tells every answer's time."""

import json
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from deploy.local import tools

NANOSECONDS: Final = 1_000_000
"""Of a millisecond, as vegeta tells times."""


def steady(url: str, key: str, paths: Sequence[str], rate: int, seconds: int) -> dict[str, Any]:
    """Send GET requests at a rate, these paths in turn; returns what came back."""
    program = tools.vegeta()
    assert program is not None
    with tempfile.TemporaryDirectory() as folder:
        targets, answers = Path(folder) / "targets", Path(folder) / "answers"
        targets.write_text("\n\n".join(f"GET {url}{path}\nAuthorization: Bearer {key}" for path in paths) + "\n")
        attack = ("attack", f"-rate={rate}/s", f"-duration={seconds}s", f"-targets={targets}", f"-output={answers}")
        subprocess.run([program, *attack], check=True)
        said = subprocess.run([program, "report", "-type=json", str(answers)], check=True, capture_output=True)
    return figures(json.loads(said.stdout))


def figures(report: dict[str, Any]) -> dict[str, Any]:
    """What of vegeta's report is told."""
    spent = report["latencies"]
    return {
        "requests": report["requests"],
        "asked_per_second": round(report["rate"], 1),
        "answered_per_second": round(report["throughput"], 1),
        "seconds": round((report["duration"] + report["wait"]) / 1e9, 1),
        "succeeded": report["success"],
        "status_codes": report["status_codes"],
        "errors": sorted(set(report["errors"] or ()))[:10],
        "median_ms": round(spent["50th"] / NANOSECONDS, 1),
        "p95_ms": round(spent["95th"] / NANOSECONDS, 1),
        "p99_ms": round(spent["99th"] / NANOSECONDS, 1),
        "longest_ms": round(spent["max"] / NANOSECONDS, 1),
    }
