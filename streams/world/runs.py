"""Names of runs: the moment that a load or replay was started, so that a name is enough to repeat it."""

from datetime import UTC, datetime

from streams.errors import ConfigurationError

FORM = "%Y%m%dT%H%M%S"


def new_run(now: datetime) -> str:
    """The name of a run that starts now, such as 20260301T120000123Z."""
    utc = now.astimezone(UTC)
    return f"{utc.strftime(FORM)}{utc.microsecond // 1000:03d}Z"


def run_time(run: str) -> datetime:
    """When a run was started. Raises ConfigurationError if it is no name of a run."""
    try:
        moment = datetime.strptime(run[:-4], FORM).replace(tzinfo=UTC)
        if run != new_run(moment.replace(microsecond=int(run[-4:-1]) * 1000)):
            raise ValueError(run)
    except ValueError as error:
        raise ConfigurationError(
            f"--run {run!r} is no name of a run: give the `run` that an earlier load or replay printed, such as "
            f"{new_run(datetime(2026, 3, 1, 12, tzinfo=UTC))}."
        ) from error
    return moment.replace(microsecond=int(run[-4:-1]) * 1000)
