"""The jobs of the product: a name, when, and the command that does it. A line more here is a job more."""

from metadata.schedule.job import Job
from streams.settings import Settings

BACKUPS_KEPT = 7


def jobs(settings: Settings) -> tuple[Job, ...]:
    """Every job; those whose setting is missing are off until an operator enables them.

    In a cluster those are off whose command knows a single server and would refuse every time.
    """
    is_single = settings.clickhouse_cluster is None
    backed_up = () if is_single else ("--only", "postgres")
    has_archive, has_backups = settings.archive_url is not None, settings.backup_folder is not None
    hours = 3600
    return (
        Job(
            "metrics_daily",
            "Daily metrics of closed and of changed days.",
            ("metrics-daily",),
            "20 * * * *",
            is_enabled=is_single,
        ),
        Job(
            "backup",
            "A backup of ClickHouse and PostgreSQL, in a cluster of PostgreSQL alone; the newest seven are kept.",
            ("backup", "create", "--keep", f"{BACKUPS_KEPT}", *backed_up),
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
            is_enabled=is_single,
        ),
        Job(
            "archive",
            "Days beyond cold storage to the archive.",
            ("archive", "run"),
            "40 2 * * *",
            timeout_seconds=12 * hours,
            backoff_seconds=900,
            is_enabled=has_archive and is_single,
        ),
        Job(
            "reconcile",
            "Rollups and family tables held to the raw rows; days that differ are made again.",
            ("reconcile", "--repair"),
            "30 3 * * *",
            timeout_seconds=6 * hours,
            backoff_seconds=900,
            is_enabled=is_single,
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
