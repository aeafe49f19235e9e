"""The jobs of the product: a name, when, and the command that does it. A line more here is a job more."""

from metadata.schedule.job import Job
from streams.settings import Settings

BACKUPS_KEPT = 7
HOUR = 3600


def jobs(settings: Settings) -> tuple[Job, ...]:
    """Every job; those whose setting is missing are off until an operator enables them.

    In a cluster the backup is one of PostgreSQL alone, since that of ClickHouse would refuse every time.
    """
    backed_up = () if settings.clickhouse_cluster is None else ("--only", "postgres")
    has_archive, has_backups = settings.archive_url is not None, settings.backup_folder is not None
    return (
        Job("metrics_daily", "Daily metrics of closed and of changed days.", ("metrics-daily",), "20 * * * *"),
        _nightly(
            "backup",
            "A backup of ClickHouse and PostgreSQL, in a cluster of PostgreSQL alone; the newest seven are kept.",
            ("backup", "create", "--keep", f"{BACKUPS_KEPT}", *backed_up),
            "0 1 * * *",
            hours=6,
            is_enabled=has_backups,
        ),
        _nightly(
            "retention",
            "What the retention policy asks for and ClickHouse does not do by itself.",
            ("retention", "run"),
            "10 2 * * *",
            hours=6,
            is_enabled=True,
        ),
        _nightly(
            "archive",
            "Days beyond cold storage to the archive.",
            ("archive", "run"),
            "40 2 * * *",
            hours=12,
            is_enabled=has_archive,
        ),
        _nightly(
            "reconcile",
            "Rollups and family tables held to the raw rows; days that differ are made again.",
            ("reconcile", "--repair"),
            "30 3 * * *",
            hours=6,
            is_enabled=True,
        ),
        Job(
            "exports",
            "Exports that were ordered; files that have expired go.",
            ("export", "run"),
            "25 * * * *",
            timeout_seconds=3 * HOUR,
            backoff_seconds=30,
        ),
        Job("clean", "Old runs, made reports and answers of the metadata database.", ("jobs", "clean"), "50 4 * * *"),
    )


def _nightly(name: str, sentence: str, command: tuple[str, ...], due: str, *, hours: int, is_enabled: bool) -> Job:
    """A job that may take hours, and that is tried again a quarter of an hour after it failed."""
    return Job(name, sentence, command, due, timeout_seconds=hours * HOUR, backoff_seconds=900, is_enabled=is_enabled)
