"""How benchmarks ask ClickHouse: without its caches, and under a comment by which the query log is asked again."""

import secrets
from typing import Any, Final

from clickhouse_connect.driver.asyncclient import AsyncClient

UNCACHED: Final = {
    "use_query_cache": 0,
    "use_uncompressed_cache": 0,
    "use_query_condition_cache": 0,
    "log_queries": 1,
}
"""The operating system's cache of files stays: it is the memory that a server of this size would have too."""
READ: Final = """
SELECT name, quantile(0.5)(rows), quantile(0.5)(bytes)
FROM
(
    SELECT splitByChar('/', log_comment)[2] AS name, sum(read_rows) AS rows, sum(read_bytes) AS bytes
    FROM system.query_log WHERE type = 'QueryFinish' AND startsWith(log_comment, {run:String})
    GROUP BY log_comment
)
GROUP BY name
"""


def new_run(benchmark: str) -> str:
    """A name that no other run has: the log of a store that was kept holds those before."""
    return f"{benchmark}-{secrets.token_hex(4)}"


def comment(run: str, name: str, number: int) -> str:
    """What the statements of one question are found again by; no name has a slash."""
    return f"{run}/{name}/{number}"


def mark(client: AsyncClient, said: str, **more: Any) -> None:
    """Let all that the client asks from now on pass by the caches, under this comment."""
    for name, value in {**UNCACHED, **more, "log_comment": said}.items():
        client.set_client_setting(name, value)


def figures(rows: Any) -> dict[str, dict[str, int]]:
    """The answer to READ by name: the median of what its questions read."""
    return {str(name): {"read_rows": round(read), "read_bytes": round(size)} for name, read, size in rows}


async def read(client: AsyncClient, run: str) -> dict[str, dict[str, int]]:
    """Rows and bytes that each question of a run read, all its statements together."""
    await client.command("SYSTEM FLUSH LOGS")
    return figures((await client.query(READ, parameters={"run": f"{run}/"})).result_rows)
