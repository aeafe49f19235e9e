"""The only file that opens connections to the metadata database."""

from collections.abc import Iterator
from contextlib import contextmanager

from psycopg.errors import UndefinedTable
from sqlalchemy import URL, Engine, create_engine, make_url
from sqlalchemy.exc import ArgumentError, InterfaceError, OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from streams.errors import ConfigurationError, MetadataUnavailable, SchemaDrift
from streams.settings import Settings

WAIT_SECONDS = 3
"""Longest wait for a connection or an answer."""
CONNECT = {"connect_timeout": WAIT_SECONDS, "options": f"-c statement_timeout={WAIT_SECONDS * 1000}"}


def connect(settings: Settings) -> AsyncEngine:
    """A pool of connections; none is opened yet. Raises ConfigurationError where DATABASE_URL cannot be one."""
    return create_async_engine(
        address(settings),
        pool_size=settings.database_connections,
        max_overflow=0,
        pool_timeout=WAIT_SECONDS,
        pool_pre_ping=True,
        connect_args=CONNECT,
    )


def connect_sync(settings: Settings) -> Engine:
    """The same for migrations, which may take their time."""
    return create_engine(address(settings), connect_args={"connect_timeout": WAIT_SECONDS})


def address(settings: Settings) -> URL:
    """DATABASE_URL for SQLAlchemy, which wants the driver's name in it. Raises ConfigurationError."""
    if settings.database_url is None:
        raise ConfigurationError(
            "DATABASE_URL is not set, and API keys and scheduled jobs are kept in PostgreSQL. Set it to "
            "postgresql://user:password@host/db, or start everything with `millrace up`."
        )
    try:
        url = make_url(settings.database_url.get_secret_value())
    except ArgumentError as error:
        raise ConfigurationError("DATABASE_URL is no address; write postgresql://user:password@host/db.") from error
    if url.drivername.split("+")[0] not in ("postgresql", "postgres"):
        raise ConfigurationError(f"DATABASE_URL names {url.drivername!r}; only postgresql:// will do.")
    return url.set(drivername="postgresql+psycopg")


@contextmanager
def told(settings: Settings) -> Iterator[None]:
    """Turn the driver's errors into ours. Raises MetadataUnavailable, and SchemaDrift where a table is missing."""
    where = address(settings).render_as_string()  # without the password
    try:
        yield
    except (OperationalError, InterfaceError, PoolTimeout) as error:
        raise MetadataUnavailable(
            f"PostgreSQL does not answer at DATABASE_URL={where}: {_first_line(error)}. Is it right, is it running?"
        ) from error
    except ProgrammingError as error:
        if not isinstance(error.orig, UndefinedTable):
            raise
        raise SchemaDrift(
            f"the metadata database at DATABASE_URL={where} lacks a table; run `millrace migrate apply`"
        ) from error


def _first_line(error: Exception) -> str:
    return str(getattr(error, "orig", None) or error).strip().split("\n")[0]
