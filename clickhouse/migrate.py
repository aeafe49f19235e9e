"""Numbered `.sql` migrations: which are applied, which are pending, and applying them.

Rules that make it safe to run from many processes and to resume after a crash at any point:

1. Files are `NNNN_words.sql`; their order is the order of their numbers. An applied file never changes
   (its checksum is held against the log, MigrationChanged).
2. Every statement may be executed twice (IF NOT EXISTS, IF EXISTS, OR REPLACE): a crash between a statement and
   its line in the log repeats that statement. A test executes all of them twice.
3. A line in the log comes before and after each statement (that after one and that before the next are written at
   once), so a file of which only a part is done is known. Its remaining statements may still be corrected; the done
   ones may not.
4. One process at a time, by `clickhouse/lock.py`; the others wait, and then find nothing to do.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest
from pathlib import Path
from typing import Any

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from clickhouse import cluster as clusters
from clickhouse import lock, policy, statements, twins
from clickhouse.client import classify, connect_sync, is_outage
from streams.errors import ConfigurationError, MigrationChanged, SinkUnavailable
from streams.settings import Settings

FOLDER = Path(__file__).parent / "migrations"

WAIT_SECONDS = 120.0
"""How long a process waits for another one that migrates."""

POLL_SECONDS = 0.1

UNKNOWN_TABLE = 60
UNKNOWN_DATABASE = 81


@dataclass(frozen=True, slots=True)
class Migration:
    """One file."""

    name: str
    statements: tuple[str, ...]
    """With `{database}` not yet filled in."""
    checksum: str


@dataclass(frozen=True, slots=True)
class State:
    """How far one migration is applied."""

    name: str
    statements: int
    done: int
    finished_at: datetime | None
    """When its last statement was done; None while any is missing."""
    owner: str

    @property
    def word(self) -> str:
        """`applied`, `partial` or `pending`."""
        if self.finished_at:
            return "applied"
        return "partial" if self.done else "pending"


@dataclass(frozen=True, slots=True)
class Step:
    """One statement that is still to be executed."""

    migration: Migration
    number: int
    sql: str


@dataclass(frozen=True, slots=True)
class _Done:
    number: int
    statements: int
    statement_checksum: str
    file_checksum: str
    at: datetime
    owner: str


Log = dict[str, dict[int, _Done]]
"""What is done, by migration and statement."""


def load(folder: Path = FOLDER) -> list[Migration]:
    """The migration files in their order. Raises ConfigurationError for a wrong or doubled number, or bad SQL."""
    migrations: list[Migration] = []
    for path in sorted(folder.glob("*.sql")):
        number, _, words = path.stem.partition("_")
        if not (len(number) == 4 and number.isdigit() and words):
            raise ConfigurationError(f"migration {path.name}: the name must read NNNN_words.sql")
        if migrations and migrations[-1].name[:4] == number:
            raise ConfigurationError(f"migrations {migrations[-1].name} and {path.stem} have one number; renumber one")
        text = path.read_text(encoding="utf-8")
        try:
            parts = statements.split(text)
        except ConfigurationError as error:
            raise ConfigurationError(f"migration {path.name}, {error}") from error
        migrations.append(Migration(path.stem, tuple(parts), statements.checksum(text)))
    return migrations


def states(log: Log, migrations: Sequence[Migration]) -> list[State]:
    """How far each migration is applied, by a log that was read.

    Raises MigrationChanged for an edited file, and ConfigurationError if the database is ahead of this version.
    """
    _check_unchanged(log, migrations)
    found = []
    for migration in migrations:
        done = log.get(migration.name, {})
        count = len(migration.statements)
        last = _last(done) if done else None
        finished_at = last.at if last and len(done) == count else None
        found.append(State(migration.name, count, len(done), finished_at, last.owner if last else ""))
    return found


def status(client: Client, database: str, migrations: Sequence[Migration]) -> list[State]:
    """How far each migration is applied. Raises as `states` and `clickhouse.client.classify` do."""
    return states(_read_log(client, database), migrations)


def plan(client: Client, database: str, migrations: Sequence[Migration], cluster: str | None = None) -> list[Step]:
    """The statements still to be executed, in order, in the form of a single node or of `cluster`.

    Raises as `status` does, and ConfigurationError for a statement without a cluster form.
    """
    log = _read_log(client, database)
    _check_unchanged(log, migrations)
    return [
        step for step in steps(migrations, database, cluster) if step.number not in log.get(step.migration.name, {})
    ]


def steps(migrations: Sequence[Migration], database: str, cluster: str | None) -> list[Step]:
    """All statements in order, with the database's name filled in. Raises ConfigurationError as `plan` does."""
    return [
        Step(migration, number, clusters.render(sql, database, cluster))
        for migration in migrations
        for number, sql in enumerate(migration.statements, start=1)
    ]


def apply(
    client: Client,
    database: str,
    migrations: Sequence[Migration],
    *,
    cluster: str | None = None,
    wait_seconds: float = WAIT_SECONDS,
    lease_seconds: float = lock.LEASE_SECONDS,
    on_step: Callable[[Step], None] | None = None,
) -> int:
    """Execute what is pending, alone; returns how many statements this call executed.

    `client` names no database. `on_step` is called before each statement. Raises as `status` does, and
    SinkUnavailable if another process still migrates after `wait_seconds`.
    """
    deadline = time.monotonic() + wait_seconds
    count = 0
    try:
        client.command(clusters.render("CREATE DATABASE IF NOT EXISTS {database}", database, cluster))
        client.command(clusters.render(lock.LOG.strip(), database, cluster))
        while held := _wait(client, database, migrations, deadline, lease_seconds, cluster):
            try:
                pending = plan(client, database, migrations, cluster)
                if pending:
                    held.log(_line("started", pending[0]))
                for step, following in zip_longest(pending, pending[1:]):
                    _execute(held, step, following, on_step)
                    count += 1
            except lock.LockLost:
                continue
            finally:
                held.release()
    except ClickHouseError as error:
        raise classify(error) from error
    return count


def run(settings: Settings, *, on_step: Callable[[Step], None] | None = None) -> int:
    """Connect, apply all that is pending, and let the tables follow the settings; returns the statements executed.

    Raises as `apply` and `clickhouse.client.connect` do.
    """
    client = connect_sync(settings, database=False)
    try:
        cluster = settings.clickhouse_cluster
        count = apply(client, settings.clickhouse_database, load(), cluster=cluster, on_step=on_step)
        return count + len(policy.adjust(client, settings)) + len(twins.follow(client, settings))
    except ClickHouseError as error:
        raise classify(error) from error
    finally:
        client.close()


def _execute(held: lock.Lock, step: Step, following: Step | None, on_step: Callable[[Step], None] | None) -> None:
    """Execute a step whose start is in the log; log its end, and with it the start of what follows."""
    if on_step:
        on_step(step)
    try:
        held.execute(step.sql)
    except ClickHouseError as error:
        mapped = classify(error)
        if is_outage(error):
            raise mapped from error
        raise ConfigurationError(
            f"migration {step.migration.name}, statement {step.number}: {error}. Correct this statement "
            "and run `millrace migrate apply` again; the statements before it are done"
        ) from error
    held.log(_line("finished", step), *([_line("started", following)] if following else []))


def _line(state: str, step: Step) -> lock.Line:
    migration = step.migration
    text = migration.statements[step.number - 1]
    return lock.Line(
        state, migration.name, step.number, len(migration.statements), statements.checksum(text), migration.checksum
    )


def _wait(
    client: Client,
    database: str,
    migrations: Sequence[Migration],
    deadline: float,
    lease_seconds: float,
    cluster: str | None,
) -> lock.Lock | None:
    """The lock, or None if nothing is pending (any more)."""
    owner = lock.new_owner()
    while lock.caught_up(client, database, cluster) and plan(client, database, migrations, cluster):
        held = lock.claim(client, database, owner, lease_seconds, cluster=cluster)
        if held:
            return held
        if time.monotonic() > deadline:
            raise SinkUnavailable(
                f"{lock.holder(client, database)} has been migrating for too long; wait for it, then run "
                "`millrace migrate status`"
            )
        time.sleep(POLL_SECONDS)
    return None


def log_query(database: str) -> str:
    """The query whose rows `parse_log` reads."""
    return f"""
        SELECT migration, statement, argMin(statements, at), argMin(statement_checksum, at),
               argMin(file_checksum, at), min(at), argMin(owner, at)
        FROM {statements.render("{database}", database)}.migrations
        WHERE state = 'finished' GROUP BY migration, statement
    """


def parse_log(rows: Iterable[Sequence[Any]]) -> Log:
    """The rows of `log_query` by migration and statement."""
    log: Log = {}
    for migration, *facts in rows:
        done = _Done(*facts)
        log.setdefault(migration, {})[done.number] = done
    return log


def _read_log(client: Client, database: str) -> Log:
    try:
        return parse_log(client.query(log_query(database)).result_rows)
    except ClickHouseError as error:
        if getattr(error, "code", None) in (UNKNOWN_TABLE, UNKNOWN_DATABASE):
            return {}
        raise classify(error) from error


def _check_unchanged(log: Log, migrations: Sequence[Migration]) -> None:
    known = {migration.name: migration for migration in migrations}
    for name, done in sorted(log.items()):
        migration = known.get(name)
        if migration is None:
            raise ConfigurationError(
                f"the database has migration {name}, which this version does not know; run a version that has it"
            )
        last = _last(done)
        if len(done) >= last.statements:
            changed = "" if last.file_checksum == migration.checksum else "the file"
        else:
            changed = _first_changed(done, migration)
        if changed:
            raise MigrationChanged(
                f"migration {name} was edited after it was applied: {changed} has another checksum now; "
                "restore it and put the change into a new file"
            )


def _first_changed(done: dict[int, _Done], migration: Migration) -> str:
    """Which of the done statements of a partly applied file is not the one that was executed."""
    for number, step in sorted(done.items()):
        text = migration.statements[number - 1] if number <= len(migration.statements) else ""
        if step.statement_checksum != statements.checksum(text):
            return f"statement {number}"
    return ""


def _last(done: dict[int, _Done]) -> _Done:
    return max(done.values(), key=lambda step: (step.at, step.number))
