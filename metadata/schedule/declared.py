"""The jobs of the product: a name, when, and the command that does it. A line more here is a job more."""

from metadata.schedule.job import Job
from streams.settings import Settings

BACKUPS_KEPT = 7


def jobs(settings: Settings) -> tuple[Job, ...]:
    """Every job; those whose setting is missing are off until an operator enables them."""
    # In a cluster nothing is made again by the way: differences are found, and the run fails.
    reconcile = ("reconcile",) if settings.clickhouse_cluster else ("reconcile", "--repair")
    has_archive, has_backups = settings.archive_url is not None, settings.backup_folder is not None
    hours = 3600
    return (
        Job("metrics_daily", "Daily metrics of closed and of changed days.", ("metrics-daily",), "20 * * * *"),
        Job(
            "backup",
            "A backup of ClickHouse and PostgreSQL; the newest seven are kept.",
            ("backup", "create", "--keep", f"{BACKUPS_KEPT}"),
            "0 1 * * *",
            timeout_seconds=6 * hours,
            backoff_seconds=900,
            is_enabled=has_backups,
        ),
        Job(
            "retention",
            "What the retention policy asks for and ClickHouse does not do by itself.",
            ("retention", "run"),
            "10 2 * * *",
            timeout_seconds=6 * hours,
            backoff_seconds=900,
        ),
        Job(
            "archive",
            "Days beyond cold storage to the archive.",
            ("archive", "run"),
            "40 2 * * *",
            timeout_seconds=12 * hours,
            backoff_seconds=900,
            is_enabled=has_archive,
        ),
        Job(
            "reconcile",
            "Rollups and family tables held to the raw rows; days that differ are made again.",
            reconcile,
            "30 3 * * *",
            timeout_seconds=6 * hours,
            backoff_seconds=900,
        ),
        Job(
            "exports",
            "Exports that were ordered; files that have expired go.",
            ("export", "run"),
            "25 * * * *",
            timeout_seconds=3 * hours,
            backoff_seconds=30,
        ),
        Job("clean", "Old runs, made reports and answers of the metadata database.", ("jobs", "clean"), "50 4 * * *"),
    )
