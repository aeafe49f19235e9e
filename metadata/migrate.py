"""Applies the migrations of the metadata database: one process at a time, all or nothing."""

from pathlib import Path
from typing import NamedTuple

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from metadata.session import connect_sync, told
from streams.settings import Settings

VERSION_TABLE = "millrace_metadata"
LOCK = 0x6D696C6C72616365
"""Number of the advisory lock under which migrations run: the letters of the product's name."""


class State(NamedTuple):
    """One migration."""

    name: str
    """Number and what it does."""
    applied: bool


def run(settings: Settings) -> int:
    """Apply all that is pending and return how many there were.

    Any number of processes may do this at once: the others wait, and find the work done. Everything is one transaction,
    so a process that is killed leaves nothing behind. Raises MetadataUnavailable, ConfigurationError.
    """
    engine = connect_sync(settings)
    try:
        with told(settings), engine.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": LOCK})
            pending = sum(not state.applied for state in _states(connection))
            if pending:
                command.upgrade(configuration(connection), "head")
            return pending
    finally:
        engine.dispose()


def status(settings: Settings) -> list[State]:
    """Every migration, in order. Changes nothing. Raises as `run` does."""
    engine = connect_sync(settings)
    try:
        with told(settings), engine.connect() as connection:
            return _states(connection)
    finally:
        engine.dispose()


def configuration(connection: Connection) -> Config:
    """Alembic's configuration, for work on this connection."""
    found = Config()
    found.set_main_option("script_location", str(Path(__file__).with_name("alembic")))
    found.attributes["connection"] = connection
    return found


def _states(connection: Connection) -> list[State]:
    scripts = ScriptDirectory.from_config(configuration(connection))
    context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
    done = {script.revision for script in scripts.iterate_revisions(context.get_current_heads(), "base")}
    ordered = reversed(list(scripts.walk_revisions()))
    return [State(f"{script.revision} {script.doc}", script.revision in done) for script in ordered]
