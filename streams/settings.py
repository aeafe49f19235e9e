"""Every setting of the product: one class, read once by the entry points and passed down."""

import fcntl
import json
import logging
import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, DotEnvSettingsSource, SettingsConfigDict

from streams import addresses
from streams.addresses import without_password
from streams.errors import ConfigurationError
from streams.misspelt import misspelt

Brokers = Annotated[str, AfterValidator(addresses.brokers)]
RedisUrl = Annotated[str, AfterValidator(addresses.redis)]
Place = Annotated[str, AfterValidator(addresses.place)]
Seconds = Annotated[float, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, le=1)]


class Settings(BaseSettings):
    """Environment variables carry the field's name in capitals; a `.env` file in the working directory is read too."""

    model_config = SettingsConfigDict(
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        use_attribute_docstrings=True,
        allow_inf_nan=False,
    )

    # Kafka
    kafka_bootstrap_servers: Brokers | None = None
    """Brokers as `host:port,host:port`; unset: `millrace up` starts the embedded broker."""
    kafka_group: str = "millrace"
    """Consumer group of the workers; it names the pipeline, also in ClickHouse's insert tokens."""
    kafka_partitions: Count = 2
    """Partitions of every source topic and of the intents when `millrace` creates them; 2 per core in production."""
    kafka_replication_factor: Count = 1
    """Replicas of the topics that `millrace` creates; 3 in production."""
    kafka_reset: Literal["earliest", "latest"] = "earliest"
    """Where a shard without any intent begins: at the start or at the end of its source topics."""
    kafka_forgets: bool = False
    """The broker loses everything when it restarts, as the embedded one does: a new chain may follow an old one."""
    kafka_session_timeout_seconds: Positive = 10
    """A worker silent for so long is taken out of the group."""
    kafka_heartbeat_seconds: Positive = 1
    """How often a worker tells the group that it is alive; below the session timeout, a third of it or less."""
    kafka_rebalance_timeout_seconds: Positive = 4
    """How long a rebalance waits for members to join; a join waits for it."""
    kafka_fetch_records: Count = 5000
    """Records of one chunk at most."""
    kafka_fetch_bytes: Count = 1048576
    """Bytes that one fetch asks of a partition."""
    kafka_intents_topic: str = "intents"
    """The log of intents, one partition a shard."""
    kafka_dead_letter_topic: str = "dead-letters"
    """The topic for refused messages."""
    kafka_alert_topic: str = "alerts"
    """The topic that alerts are told on."""

    # ClickHouse
    clickhouse_url: str | None = None
    """`http://user:password@host:8123`; unset: `millrace up` starts the embedded server."""
    clickhouse_user: str | None = None
    """User, if the URL names none."""
    clickhouse_password: SecretStr | None = None
    """Password, if the URL names none."""
    clickhouse_database: str = "millrace"
    """The one database of the product; `millrace migrate apply` creates it."""
    clickhouse_cluster: str | None = None
    """Name of the cluster in `remote_servers`: tables are replicated and on every node; unset: a single server."""
    clickhouse_shard_urls: str | None = None
    """One replica of each ClickHouse shard, in order, as `url,url`: Kafka shard n goes to n mod their number."""
    clickhouse_timeout_seconds: Seconds = 30
    """Longest wait for an answer to an insert; after it the outcome counts as unknown."""
    clickhouse_insert_quorum: Annotated[int, Field(ge=0)] = 0
    """Replicas that must have an insert before it is acknowledged; 0: one."""
    clickhouse_storage_policy: str | None = None
    """Policy of the server with a volume `cold` for the cold tier; unset: the embedded stack's, else one tier."""
    clickhouse_fsync: bool = False
    """Flush every insert to disk before it is acknowledged: survives the loss of the machine, costs throughput."""

    # Redis and PostgreSQL
    redis_url: RedisUrl | None = None
    """`redis://host:6379/0`; unset: `millrace up` starts the embedded server."""
    database_url: SecretStr | None = None
    """PostgreSQL as `postgresql://user:password@host/db`; unset: `millrace up` starts the embedded server."""
    redis_connections: Count = 50
    """Connections to Redis that one web process opens at most; who finds none free waits a moment."""
    database_connections: Count = 20
    """Connections to PostgreSQL that one process opens at most; who finds none free waits a moment."""

    # Delivery
    batch_rows: Count = 50000
    """Rows of one batch at most."""
    batch_bytes: Count = 16777216
    """Source bytes of one batch at most."""
    batch_seconds: Seconds = 0.8
    """Age at which a batch is sent although it is not full; four times that while more waits than it takes."""
    batch_parts_soft_limit: Count = 150
    """Active parts of one partition above which batches are made larger and rarer."""
    buffer_bytes: Count = 41943040
    """Source bytes that all shards of a worker gather before their topics are paused: 4 MiB a shard at least, and what
    one fetch brings comes on top."""
    shard_idle_close_seconds: Seconds = 60
    """An idle shard is closed by an empty intent after this time."""
    shard_closed_repeat_seconds: Seconds = 86400
    """A closed shard repeats its empty intent so often, so that retention never empties the log."""
    audit_seconds: Seconds = 1
    """How often the fetch positions are held against what the shards hold."""
    retry_first_seconds: Seconds = 0.2
    """First wait after an outage was met; doubled each time, with jitter."""
    retry_longest_seconds: Seconds = 10
    """Longest wait between two tries."""
    duplicate_memory_events: Count = 2000000
    """Accepted events whose (source, id) a worker remembers."""
    duplicate_memory_seconds: Seconds = 600
    """How long a (source, id) is remembered."""
    batch_age_seconds: Seconds = 300
    """Age at which ClickHouse refuses a batch; the constraint `fresh` of every table says the same."""
    batch_settle_seconds: Seconds = 30
    """How much longer the block of a stalled insert may still be on its way when a batch has aged."""
    dead_letter_limit: Share = 0.2
    """Share of dead letters above which a shard stops."""
    dead_letter_limit_records: Count = 1000
    """Records over which that share is taken."""

    # Windows
    windows_enabled: bool = True
    """Count the windows; off, a worker only delivers rows: no live numbers, no alerts on windows, no sessions."""
    watermark_disorder_seconds: Seconds = 10
    """How far out of order the events of a topic may come before windows close over them."""
    watermark_idle_seconds: Seconds = 5
    """A topic from which nothing has come for so long no longer holds the watermark back."""
    watermark_skew_seconds: Seconds = 3600
    """A topic whose events are so far ahead of the slowest one's waits for it, so that a backlog needs few windows."""
    live_publish_seconds: Positive = 0.5
    """How often a worker publishes its windows at least; a delivered batch is published at once."""

    # Events
    skew_seconds: Seconds = 300
    """How far an event's time may lie ahead of its ingestion."""
    location_sample_rate: Share = 0.2
    """Share of driver location pings that is kept, by driver and 10-second slot."""
    event_bytes_limit: Count = 1048576
    """A longer message is refused as malformed without being parsed."""

    # Alerts
    alert_evaluate_seconds: Positive = 10
    """How often the alert rules are judged."""
    alert_rules_file: Path | None = None
    """TOML file whose alert rules take the place of the product's own; unset: those."""
    alert_webhook_url: SecretStr | None = None
    """`http` or `https` address that alerts are posted to, kept like a password; unset: none are posted."""
    alert_webhook_secret: SecretStr | None = None
    """Key that the posts are signed with, 16 characters or more; needed where an address is set."""
    alert_webhook_allow_internal: bool = False
    """Let that address be one of this machine or of a private network; otherwise nothing inside is reachable by it."""

    # Retention and caching
    metrics_retention_days: Count = 90
    """Days of raw rows in the hot tier."""
    metrics_cold_days: Count = 730
    """Days until cold storage ends; an older event is refused as `too_old`."""
    retention_policy_file: Path | None = None
    """TOML file that takes the place of the product's own retention policy; unset: that one."""
    archive_url: str | None = None
    """Folder, `file://` or `s3://bucket/prefix` of the archive; unset: that of the embedded stack, else none."""
    backup_folder: str | None = None
    """Folder of the backups, under one name for ClickHouse's server and for `millrace`; unset: the embedded stack's."""
    erasure_key: SecretStr | None = None
    """Secret of 16 characters or more by which erased persons are remembered; the same for all workers, for ever."""
    archive_file_rows: Count = 1000000
    """Rows of one file of the archive at most."""
    cache_ttl_closed_seconds: Seconds = 1800
    """How long the API keeps an answer about a closed period."""
    cache_ttl_cohort_seconds: Seconds = 300
    """The same where what began in the closed period may still end, as of conversion rates."""
    cache_ttl_open_seconds: Seconds = 15
    """How long the API keeps an answer about the running period."""
    cache_stale_open_seconds: Seconds = 45
    """How long after that it is still served, while it is made anew: longer than boards wait before they ask again."""
    cache_fallback_seconds: Seconds = 86400
    """Age up to which the last answer in PostgreSQL is served while ClickHouse is away; 0: none is kept there."""
    cache_fallback_bytes: Count = 268435456
    """Bytes of such answers that PostgreSQL keeps, the newest ones."""

    # The API and the dashboard
    api_host: str = "127.0.0.1"
    """Address the API and the dashboard listen on."""
    api_port: Annotated[int, Field(ge=1, le=65535)] = 8097
    """Port of the API and the dashboard; `millrace up` takes a free one."""
    live_interval_seconds: Positive = 1
    """How often a live stream sends its numbers at least; new ones are sent at once, up to four times a second."""
    live_stale_seconds: Seconds = 5
    """A shard that published nothing for so long is shown as stale, with its age."""

    metrics_requests_per_second: Count = 200
    """Questions for metrics a second of one key over all web processes, unless the key has a limit of its own."""
    metrics_concurrency: Count = 16
    """Questions that one web process puts to ClickHouse at the same time; further ones wait for their turn."""
    analytics_concurrency: Count = 4
    """Funnels, retention, cohorts and paths that it asks for at the same time, apart from those."""

    # Exports and reports
    export_rows: Count = 100000
    """Rows of one export that is answered at once, at most; a larger one is made as a job."""
    export_bytes: Count = 67108864
    """Bytes of one export that is answered at once, at most; they lie in a temporary file until they are sent."""
    export_concurrency: Count = 4
    """Exports that one web process makes at the same time; further ones are told to come again."""
    export_job_rows: Count = 20000000
    """Rows of an export that is made as a job, or by `millrace export`, at most."""
    export_job_bytes: Count = 4294967296
    """Bytes of its file at most."""
    export_dir: Place | None = None
    """Folder, or `s3://bucket/prefix`, of what export jobs make, the same everywhere; unset: below `MILLRACE_HOME`."""
    export_keep_days: Annotated[float, Field(gt=0)] = 7
    """Days after which such a file is removed."""

    report_dir: str | None = None
    """Folder, or `s3://bucket/prefix`, that reports are written to; unset: below `MILLRACE_HOME`."""
    report_font: Path | None = None
    """TrueType file whose letters reports as PDF are written in; unset: DejaVu Sans, which lacks Chinese and others."""
    report_webhook_url: SecretStr | None = None
    """`http` or `https` address that reports are posted to whose configuration says so; kept like a password."""
    report_webhook_secret: SecretStr | None = None
    """Key that these posts are signed with, 16 characters or more; needed where an address is set."""
    report_webhook_allow_internal: bool = False
    """Let that address be one of this machine or of a private network."""
    smtp_url: SecretStr | None = None
    """Mail server for reports: `smtp://user:password@host:587` (STARTTLS where offered) or `smtps://`; unset: none."""
    report_mail_from: str = "millrace@localhost"
    """Sender of mailed reports."""

    # The scheduler
    scheduler_host: str = "127.0.0.1"
    """Address the scheduler's pages listen on."""
    scheduler_port: Annotated[int, Field(ge=0, le=65535)] = 9098
    """Port of the scheduler's pages and `/metrics`; 0 takes a free one."""
    scheduler_lease_seconds: Annotated[float, Field(ge=3)] = 30
    """A scheduler that has not been able to write to PostgreSQL for so long is replaced by another, if there is one."""
    scheduler_concurrency: Count = 2
    """Jobs that run at the same time."""
    job_history_days: Count = 90
    """Days after which the job `clean` removes runs of jobs, and reports and exports that were made."""

    # HTTP ingestion
    api_key_cache_seconds: Seconds = 2
    """How long a web process believes what it knows of an API key: a revoked one is refused within this time."""
    api_key_grace_seconds: Seconds = 300
    """How long known keys go on while PostgreSQL is away; nobody can revoke one meanwhile."""
    ingest_requests_per_second: Count = 5000
    """Requests a second of one key over all web processes, unless the key has a limit of its own."""
    ingest_events_per_second: Count = 50000
    """Events a second of one key over all web processes, unless the key has a limit of its own."""
    ingest_body_bytes: Count = 8388608
    """Bytes of one request at most, and as many after decompression."""
    ingest_items: Count = 5000
    """Events of one request at most."""
    ingest_concurrency: Count = 256
    """Requests that one web process works on at the same time; further ones are told to come again."""
    ingest_buffer_bytes: Count = 134217728
    """Bytes of bodies and of records without acknowledgement that one web process holds at most."""
    ingest_read_seconds: Positive = 30
    """How long a client may take to send its request."""
    ingest_ack_seconds: Positive = 10
    """Longest wait for the broker's acknowledgement; after it the outcome is told as unknown."""
    ingest_stalled_seconds: Positive = 3
    """A broker that owes an acknowledgement for so long counts as away: new requests are told so at once."""
    ingest_cors_origins: str = ""
    """Origins whose pages may post events, as `https://www.example.com,https://example.org`, or `*`; empty: none."""

    # The worker and the machine
    worker_port: Annotated[int, Field(ge=0, le=65535)] = 9097
    """Port of the worker's own pages and `/metrics`; 0 takes a free one."""
    worker_host: str = "127.0.0.1"
    """Address the worker's pages listen on."""
    worker_stop_seconds: Seconds = 10
    """How long a stopping worker may finish and close its shards before it is cut off, which is safe."""
    worker_kill_at: str | None = None
    """For fault tests: a step of the delivery at which the worker kills itself, as `step:before` or `step:after:3`."""
    worker_loop: Literal["uvloop", "asyncio"] = "uvloop"
    """Event loop of the worker."""
    millrace_home: Path = Path(".millrace")
    """Folder of the embedded stack's data, logs and sockets."""
    log_format: Literal["console", "json"] = "console"
    """How log lines are written."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Log lines below this level are dropped."""

    @model_validator(mode="after")
    def _beats_within_the_session(self) -> Self:
        if self.kafka_heartbeat_seconds >= self.kafka_session_timeout_seconds:
            raise ValueError(
                f"KAFKA_HEARTBEAT_SECONDS={self.kafka_heartbeat_seconds:g} is not below "
                f"KAFKA_SESSION_TIMEOUT_SECONDS={self.kafka_session_timeout_seconds:g}: the group would take out every "
                "worker; a third of it is usual"
            )
        return self


def load() -> Settings:
    """The settings in force: the environment, then `.env`, then the embedded stack running in `MILLRACE_HOME`.

    Raises ConfigurationError, which names each setting whose value does not fit.
    """
    settings = given()
    return completed(settings, running_stack(settings.millrace_home))


def given() -> Settings:
    """The settings that the environment and `.env` give. Raises ConfigurationError as `load` does.

    A name there that is a setting but for a letter is told on stderr, once.
    """
    try:
        _tell_of_misspelt()
        return Settings()
    except ValidationError as error:
        wrong = [_problem(each) for each in error.errors()]
        raise ConfigurationError(
            f"{len(wrong)} setting(s) do not fit; change the environment or .env:\n  " + "\n  ".join(wrong)
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f".env in {Path.cwd()} cannot be read: {error}; mend or remove it") from error


def completed(settings: Settings, found: dict[str, Any]) -> Settings:
    """A copy in which fields that still have their default take the value of `found` (field name to value)."""
    fields = Settings.model_fields
    unset = {name: value for name, value in found.items() if getattr(settings, name) == fields[name].default}
    for name in unset.keys() & {"database_url", "erasure_key"}:
        unset[name] = SecretStr(unset[name])
    return settings.model_copy(update=unset)


def running_stack(home: Path) -> dict[str, Any]:
    """What to set to use the embedded stack in `home`, by field name; empty where none is running.

    A running stack holds a lock on `home/lock`, so what a killed one has left behind is never believed.
    Raises ConfigurationError where `home` can be no folder.
    """
    try:
        with (home / "lock").open() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                found: dict[str, Any] = json.loads((home / "stack.json").read_text())["settings"]
                return found
    except FileNotFoundError:
        pass
    except OSError as error:
        raise unusable(home, error) from error
    return {}


def made(home: Path) -> Path:
    """The home folder, made where there is none. Raises ConfigurationError where it can be none."""
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise unusable(home, error) from error
    return home


def unusable(home: Path, error: OSError) -> ConfigurationError:
    """What to say of a home folder that this error came from."""
    return ConfigurationError(
        f"MILLRACE_HOME={home} cannot be used: {error.strerror}. Name a folder that can be made and written in with "
        "MILLRACE_HOME, or with `millrace up --home`"
    )


def _problem(error: Mapping[str, Any]) -> str:
    """One of pydantic's errors with the setting and its value; one of several settings names them itself."""
    message = error["msg"].removeprefix("Value error, ")
    if not error["loc"]:
        return str(message)
    value = error["input"]
    shown = without_password(value) if isinstance(value, str) else value
    return f"{'.'.join(map(str, error['loc'])).upper()}={shown!r}: {message}"


def _tell_of_misspelt() -> None:
    names = [*os.environ, *DotEnvSettingsSource(Settings).env_vars]
    for name, meant in misspelt(names, {field.upper() for field in Settings.model_fields}).items():
        _tell(name, meant)


@cache
def _tell(name: str, meant: str) -> None:
    # Before a process has set up its log, as here, the line alone goes to stderr.
    logging.getLogger(__name__).warning("%s is no setting and is ignored; %s is meant perhaps", name, meant)
