"""What a job is: a command, when it is due, and what becomes of due times that nobody met."""

from dataclasses import dataclass
from enum import StrEnum

from metadata.schedule.cron import Cron


class CatchUp(StrEnum):
    """What becomes of due times at which no scheduler ran."""

    SKIP = "skip"
    """They are passed over; one that is late by less than two minutes is not."""
    ONCE = "once"
    """The newest of them is made up for."""
    ALL = "all"
    """All are, one after the other: the newest ones, up to the job's limit."""


class RunState(StrEnum):
    """What has become of a run."""

    WAITING = "waiting"
    """For its turn, or for its next attempt."""
    RUNNING = "running"
    DONE = "done"
    """The command ended with code 0."""
    FAILED = "failed"
    """No attempt did."""
    SKIPPED = "skipped"
    """It was missed, or its job disabled, before it began."""


@dataclass(frozen=True, slots=True)
class Job:
    """A job as it is declared. Raises ConfigurationError where its expression or zone is none."""

    name: str
    sentence: str
    """What it is for."""
    command: tuple[str, ...]
    """The words after `millrace`."""
    cron: str
    """When it is due, on the clock of the zone: minute, hour, day, month, weekday."""
    zone: str = "UTC"
    catch_up: CatchUp = CatchUp.ONCE
    catch_up_limit: int = 10
    """Runs made up for at most, where all are."""
    timeout_seconds: int = 3600
    """An attempt that takes longer is ended, and has failed."""
    attempts: int = 3
    """Tries of one run at most."""
    backoff_seconds: int = 120
    """Wait before the second attempt; doubled each time, up to an hour."""
    is_enabled: bool = True

    def __post_init__(self) -> None:
        """Refuse what is never due."""
        Cron(self.cron, self.zone)
