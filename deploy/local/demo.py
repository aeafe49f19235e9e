"""The demo's producers: real rides replayed, generated traffic after and beside them, as processes of their own."""

import json
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from deploy.local.process import Command, Process
from deploy.local.worker import environment
from streams.errors import ConfigurationError
from streams.settings import Settings

RATE = 50
"""Generated events a second of each domain, unless told otherwise."""
MOST_EVENTS = 2_000_000
"""Generated events of each domain at most, because the embedded broker keeps all in memory (about 1 KB each)."""
GRACE_SECONDS = 20.0


class Choice(StrEnum):
    """What the demo sends."""

    RIDES = "rides"
    TICKETING = "ticketing"
    BOTH = "both"
    NONE = "none"

    @property
    def domains(self) -> tuple[str, ...]:
        """The domains that get events."""
        return {"both": ("rides", "ticketing"), "none": ()}.get(self.value, (self.value,))


@dataclass(frozen=True)
class Step:
    """One producer: its words on the command line, and what it is called in the view."""

    title: str
    words: tuple[str, ...]
    whole: bool = False
    """It ends soon by itself and is of use only as a whole, so it is not cut off when the time is over."""


def steps(domain: str, rate: int | None, seconds: float | None) -> Iterator[Step]:
    """What is sent of one domain, one after the other.

    With an end in sight the rides are those of the file alone, so that their counts are known, unless a rate is given.
    """
    if domain == "rides":
        yield Step("replay of real rides", ("replay", "rides", "--speed", "max", "--times", "recent"), whole=True)
        if seconds is not None and rate is None:
            return
    speed = rate or RATE
    count = MOST_EVENTS if seconds is None else min(MOST_EVENTS, max(1, int(speed * seconds)))
    yield Step(f"generated {domain}", ("load", "--domain", domain, "--rate", str(speed), "--count", str(count)))


def note(settings: Settings, choice: Choice) -> str:
    """What the viewer should know about the demo's bounds."""
    if not choice.domains:
        return "no demo; send events to the broker yourself"
    if settings.kafka_forgets:
        return f"the broker keeps everything in memory: generated traffic ends after {MOST_EVENTS:,} events of a domain"
    return f"generated traffic ends after {MOST_EVENTS:,} events of a domain"


class Producer:
    """The producers of one domain, one process after the other."""

    def __init__(
        self, settings: Settings, domain: str, plan: Iterator[Step], home: Path, hold: tuple[int, ...]
    ) -> None:
        """`hold`: see Process."""
        self.settings = settings
        self.domain = domain
        self.words = ""
        """What is being sent."""
        self.sent = 0
        """Events of the processes that have ended; what a running one has sent is known at its end."""
        self._plan = plan
        self._home = home
        self._hold = hold
        self._process: Process | None = None
        self._step: Step | None = None
        self._stopped = False

    @property
    def running(self) -> bool:
        """Whether something is being sent now."""
        return self._process is not None and self._process.running

    @property
    def must_end_first(self) -> bool:
        """Whether something is being sent that is of use only as a whole."""
        return self.running and self._step is not None and self._step.whole

    def advance(self) -> None:
        """Begin, or go on with the next process once one has ended. Raises ConfigurationError if one failed."""
        if self._process is not None:
            if self._process.running:
                return
            self._collect(self._process)
        self._step = None if self._stopped else next(self._plan, None)
        self._stopped = self._step is None
        if self._step is not None:
            self.words = self._step.title
            self._process = self._start(self._step)
        else:
            self.words = f"finished, {self.sent:,} events sent"

    def stop(self) -> None:
        """Send nothing more; returns when what was begun is acknowledged and counted."""
        self._stopped = True
        if self._process is not None:
            self._process.stop()
            self._collect(self._process)

    def hurry(self) -> None:
        """Cut the running process off."""
        if self._process is not None:
            self._process.hurry()

    def _start(self, step: Step) -> Process:
        out = self._home / f"sent-{self.domain}.json"
        out.unlink(missing_ok=True)
        argv = (sys.executable, "-m", "streams.cli", *step.words)
        command = Command(argv, env=environment(self.settings), grace=GRACE_SECONDS, stdout=out)
        process = Process(command, self._home / "logs" / f"producer-{self.domain}.log", self._hold)
        process.start()
        return process

    def _collect(self, process: Process) -> None:
        self._process = None
        code = process.wait()
        said = process.command.stdout
        lines = said.read_text().splitlines() if said is not None and said.exists() else []
        if code == 128 + signal.SIGTERM and not lines:
            return  # told to stop before it had begun to send
        if code not in (0, 128 + signal.SIGTERM) or not lines:
            self._stopped = True
            raise ConfigurationError(
                f"The producer `millrace {' '.join(process.command.argv[3:])}` ended with code {code}. "
                f"{process.log} ends:\n{process.tail()}"
            )
        self.sent += int(json.loads(lines[-1])["sent"])
