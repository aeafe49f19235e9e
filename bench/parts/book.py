"""What was measured so far, in a file that is written after every lap: a run that is broken off can be gone on with."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.parts import report
from bench.parts.report import Lap
from bench.peers.race import Figures


@dataclass(slots=True)
class Book:
    """The laps of all rounds, by part and name."""

    size: str
    events: tuple[int, int]
    """Of the first phase and of the second."""
    output: Path | None
    """None: nothing is written."""
    rounds: list[dict[Lap, Figures]] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    """Contestants that cannot be run here, with the reason."""

    def go_on(self) -> str:
        """Take the laps of an earlier run of the same kind; says why if there is a file but not of the same kind."""
        if self.output is None or not self.output.exists():
            return ""
        told: dict[str, Any] = json.loads(self.output.read_text())
        basis = report.basis(self.size, self.events)
        other = [name for name, value in basis.items() if told.get(name) != value]
        if other:
            return f"{self.output.name} is of another {', '.join(other)}"
        self.rounds = told["rounds"]
        return ""

    def missing(self, number: int, laps: list[Lap]) -> list[Lap]:
        """Those of a round's laps that are not measured yet."""
        done = self.rounds[number] if number < len(self.rounds) else {}
        return [lap for lap in laps if lap not in done]

    def enter(self, number: int, lap: Lap, figures: Figures) -> None:
        """Write down one lap."""
        while len(self.rounds) <= number:
            self.rounds.append({})
        self.rounds[number][lap] = figures
        if self.output is not None:
            self.output.write_text(json.dumps(self.told(), indent=2) + "\n")

    def told(self) -> dict[str, Any]:
        """The result as it is now."""
        return report.result(self.rounds, self.size, self.events, self.skipped)
