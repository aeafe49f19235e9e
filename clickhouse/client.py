"""The only file that opens a ClickHouse connection: clients, the settings of an insert, and the class of an error.

What clickhouse-connect 1.12 does on its own, read in its source and held by tests/clickhouse/test_client.py:

- A read is sent again when the connection breaks, and up to `query_retries` times on status 429, 503 and 504.
- An insert whose body is `bytes`, and every `client.insert()`, is sent once more when the server closes the
  connection, although the first one may have been executed. A body that it cannot rewind (a file object)
  is sent exactly once: `unrepeated` makes one. The owner of the batch decides what follows, not the client.
- A statement sent with `command()` is repeated only if it reads.
- Nothing is repeated after a read timeout.
- Connections idle for longer than KEEP_ALIVE_SECONDS are opened anew, well before the server closes them
  (ClickHouse: 10 to 30 s), so that an insert never meets a connection that is about to be closed.
- It numbers its queries only if asked to, and opens no session, so concurrent queries do not refuse each other.
"""

import io
from collections.abc import Sequence
from typing import Any, TypedDict
from urllib.parse import unquote, urlsplit

import aiohttp
import clickhouse_connect
from clickhouse_connect.datatypes.registry import get_from_name
from clickhouse_connect.driver.asyncclient import AsyncClient
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, Error, ProgrammingError
from clickhouse_connect.driver.insert import InsertContext
from clickhouse_connect.driver.transform import NativeTransform

from clickhouse.cluster import ALL
from streams.errors import (
    BatchAged,
    BlockRefused,
    ConfigurationError,
    MillraceError,
    SchemaDrift,
    SinkUnavailable,
)
from streams.settings import Settings

KEEP_ALIVE_SECONDS = 5.0
"""Idle connections older than this are not used again."""

CONNECT_SECONDS = 5
"""Longest wait for a TCP connection."""

BLOCK_ROWS = 10_000_000
"""Rows under which an insert stays one block; far above `batch_rows`."""

FRESH = "fresh"
"""Name of the constraint that refuses an aged batch."""

VIOLATED_CONSTRAINT = 469
INCORRECT_DATA = 117

# 16 column, 47 identifier, 60 table, 81 database unknown; 10 column not in block; 582 projection; 20 columns differ
_DRIFT = frozenset({10, 16, 20, 47, 60, 81, 582})
# 516 and 192..194 login, 497 and 291 rights, 164 and 472 read only, 115 and 452 settings, 46 function, 62 syntax
_CONFIGURATION = frozenset({46, 62, 73, 115, 164, 192, 193, 194, 291, 452, 472, 478, 479, 492, 497, 516})
# parsing, conversion, ranges, NULL where none may be, constraints, throwIf
_DATA = frozenset(
    {6, 25, 26, 27, 32, 33, 38, 41, 53, 69, 70, 72, 117, 128, 130, 131, 153, 190, 321, 349, 376, 395, 407, 441}
    | {467, 469, 632, 675, 676, 691}
)

# What passes by itself: 3 end of file, 159 time, 202 too many queries, 209 and 210 network, 241 memory, 242 read-only
# replica, 243 disk, 252 parts, 286 and 319 quorum, 394 killed, 225 and 999 Keeper, 236 shutting down
_OUTAGE = frozenset({3, 159, 202, 209, 210, 225, 236, 241, 242, 243, 252, 286, 319, 394, 999})


class _Target(TypedDict):
    """Where and as whom a client connects; the names are clickhouse-connect's."""

    host: str
    port: int
    username: str
    password: str
    secure: bool
    database: str | None


async def connect(settings: Settings, *, database: bool = True, reading: bool = False) -> AsyncClient:
    """Open a client for any number of concurrent queries and inserts.

    `database=False` connects without naming the database, for the time before it exists. `reading`: for questions about
    all rows; in a cluster that is the database that reads every node, not the one with this node's tables.
    Raises ConfigurationError (no URL, wrong password), SchemaDrift (no such database) or SinkUnavailable.
    """
    try:
        return await clickhouse_connect.get_async_client(
            **_target(settings, database, reading),
            compress="lz4",
            connect_timeout=CONNECT_SECONDS,
            send_receive_timeout=settings.clickhouse_timeout_seconds,
            keepalive_timeout=KEEP_ALIVE_SECONDS,
            autogenerate_session_id=False,
            client_name="millrace",
        )
    except (ClickHouseError, aiohttp.ClientError, OSError) as error:
        raise classify(error) from error


def connect_sync(settings: Settings, *, database: bool = True, reading: bool = False) -> Client:
    """The same for code without an event loop (command line, migrations, exports). Raises as `connect` does."""
    try:
        return clickhouse_connect.get_client(
            **_target(settings, database, reading),
            compress="lz4",
            connect_timeout=CONNECT_SECONDS,
            send_receive_timeout=int(settings.clickhouse_timeout_seconds),
            autogenerate_session_id=False,
            client_name="millrace",
        )
    except (ClickHouseError, OSError) as error:
        raise classify(error) from error


def insert_settings(settings: Settings, token: str) -> dict[str, Any]:
    """The settings of every insert of the stream: one block, once, under `token`, or refused."""
    return {
        "insert_deduplication_token": token,
        "insert_deduplicate": 1,
        "deduplicate_blocks_in_dependent_materialized_views": 1,
        "materialized_views_ignore_errors": 0,
        # One insert is one block. A server parses at most `max_insert_block_size` rows at once (the embedded one 65,409
        # whatever is set) and puts them together until a `min_` limit is reached, which none is.
        "async_insert": 0,
        "input_format_parallel_parsing": 0,
        "max_insert_block_size": BLOCK_ROWS,
        "min_insert_block_size_rows": BLOCK_ROWS,
        "min_insert_block_size_bytes": 0,
        "max_partitions_per_insert_block": 0,
        # Views run one after the other: a fault in one of them stops the insert at a known place.
        "parallel_view_processing": 0,
        # A field that no column takes is drift, never dropped; no row may be skipped.
        "input_format_skip_unknown_fields": 0,
        "input_format_allow_errors_num": 0,
        "input_format_allow_errors_ratio": 0,
        "input_format_defaults_for_omitted_fields": 1,
        "input_format_null_as_default": 1,
        "date_time_input_format": "best_effort",
        # A stalled worker is cut off, and what is not done in time counts as unknown.
        "http_receive_timeout": 30,
        "max_execution_time": settings.clickhouse_timeout_seconds,
        "insert_quorum": settings.clickhouse_insert_quorum,
        # Else it is waited for longer than for the insert; what is not there in time counts as unknown.
        "insert_quorum_timeout": int(settings.clickhouse_timeout_seconds * 1000),
    }


def unrepeated(body: bytes) -> io.BytesIO:
    """A request body that the client cannot send a second time by itself."""
    return io.BytesIO(body)


def classify(error: BaseException) -> MillraceError:
    """The error of ours that tells what to do about `error`, chosen by ClickHouse's exception code.

    An error with an unknown code is taken for an outage: trying again is always safe. An error that is neither
    ClickHouse's nor the network's is a bug and is raised again as it is.
    """
    if isinstance(error, MillraceError):
        return error
    if isinstance(error, ProgrammingError) and error.code is None:
        raise error
    if not isinstance(error, (ClickHouseError, aiohttp.ClientError, OSError)):
        raise error
    text = str(error).strip()
    code = error.code if isinstance(error, Error) else None
    if code is None:
        return SinkUnavailable(f"ClickHouse cannot be reached: {text}. Is CLICKHOUSE_URL right, is it running?")
    if code == VIOLATED_CONSTRAINT and f"Constraint `{FRESH}`" in text:
        return BatchAged(f"ClickHouse refused the rows as aged: {text}", code)
    if code in _DRIFT or (code == INCORRECT_DATA and "Unknown field" in text):
        return SchemaDrift(f"ClickHouse's tables are not those of this version: {text}. Run `millrace migrate plan`.")
    if code in _CONFIGURATION:
        return ConfigurationError(f"ClickHouse refuses to work for us: {text}. Check CLICKHOUSE_URL and its user.")
    if code in _DATA:
        return BlockRefused(f"ClickHouse refused the rows: {text}", code)
    return SinkUnavailable(f"ClickHouse answered with error {code}: {text}")


def is_outage(error: ClickHouseError) -> bool:
    """Whether the same statement may succeed later without anybody changing it."""
    code = error.code if isinstance(error, Error) else None
    return code is None or code in _OUTAGE


def native(columns: Sequence[str], types: Sequence[str], rows: Sequence[Sequence[Any]]) -> bytes:
    """Rows in ClickHouse's Native format, for a `raw_insert` that is sent once (`client.insert()` may be sent twice).

    Raises ValueError, naming the column, for a value that its type cannot hold.
    """
    context = InsertContext("", list(columns), [get_from_name(name) for name in types], data=rows)
    body = b"".join(NativeTransform.build_insert(context))
    _, _, blocks = body.partition(b"\n")  # the statement comes first; raw_insert writes its own
    if context.insert_exception:
        raise ValueError(f"a row does not fit its columns: {context.insert_exception}") from context.insert_exception
    return blocks


def _target(settings: Settings, database: bool, reading: bool = False) -> _Target:
    if not settings.clickhouse_url:
        raise ConfigurationError(
            "CLICKHOUSE_URL is not set; set it to http://user:password@host:8123, or run `millrace up`, "
            "which starts a server of its own"
        )
    url = urlsplit(settings.clickhouse_url)
    host, port = check_url(settings.clickhouse_url)
    password = settings.clickhouse_password.get_secret_value() if settings.clickhouse_password else ""
    return {
        "host": host,
        "port": port,
        "username": unquote(url.username or "") or settings.clickhouse_user or "default",
        "password": unquote(url.password or "") or password,
        "secure": url.scheme == "https",
        "database": _database(settings, reading) if database else None,
    }


def check_url(address: str, setting: str = "CLICKHOUSE_URL") -> tuple[str, int]:
    """Host and port of a URL. Raises ConfigurationError where it has none, or is none of HTTP."""
    url = urlsplit(address)
    try:
        port = url.port
    except ValueError:
        port = None
    if url.scheme not in ("http", "https") or not url.hostname or port is None:
        raise ConfigurationError(
            f"{setting} is {url.scheme}://{url.hostname or ''}; it must read http://user:password@host:8123 "
            "or https://..., with the port of the HTTP interface"
        )
    return url.hostname, port


def _database(settings: Settings, reading: bool) -> str:
    return settings.clickhouse_database + (ALL if reading and settings.clickhouse_cluster else "")
