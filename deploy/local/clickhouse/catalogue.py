"""Query ids that the engine itself does not take: kept in the log comment, shown again by system tables.

The embedded engine gives every statement an id of its own. The server writes the client's id, a line break and the
client's own comment into `log_comment`; reads of system.processes and system.query_log go to views that take it apart.
"""

from collections.abc import Collection

from deploy.local.clickhouse.statement import Token, quoted, tokens

PREPARE = "SET /* of the request */ "
"""How the server's own SET statements begin; they do not show in the query log."""

_PROCESS_COMMENT = "Settings['log_comment']"
_LOG_COMMENT = "entry.log_comment"
_QUERY = """replaceRegexpOne({query},
    ' +(INTO OUTFILE|FROM INFILE) ./proc/self/fd/[0-9]+. (APPEND|COMPRESSION .[a-z0-9]+.) *', ' ')"""


def _client_id(comment: str) -> str:
    return f"substringIndex({comment}, '\\n', 1)"


def _ours(comment: str) -> str:
    return f"position({comment}, '\\n') > 0"


VIEWS = (
    f"""CREATE OR REPLACE VIEW system.client_processes AS
        SELECT * REPLACE ({_client_id(_PROCESS_COMMENT)} AS query_id, {_QUERY.format(query="entry.query")} AS query)
        FROM system.processes AS entry WHERE {_ours(_PROCESS_COMMENT)}""",
    """CREATE OR REPLACE VIEW system.client_waiting AS
        SELECT * REPLACE (waiting AS query_id, 0 AS elapsed, '' AS query, 0 AS memory_usage, 0 AS peak_memory_usage)
        FROM (SELECT * FROM system.processes LIMIT 1) ARRAY JOIN {ids:Array(String)} AS waiting""",
    f"""CREATE OR REPLACE VIEW system.client_query_log AS
        SELECT * REPLACE ({_client_id(_LOG_COMMENT)} AS query_id, {_QUERY.format(query="entry.query")} AS query,
            substring({_LOG_COMMENT}, position({_LOG_COMMENT}, '\\n') + 1) AS log_comment)
        FROM system.query_log AS entry
        WHERE {_ours(_LOG_COMMENT)} AND NOT startsWith(entry.query, '{PREPARE}')""",
)
"""What the server makes at every start: the database `system` is kept in memory."""

_TABLES = {b"processes": b"client_processes", b"query_log": b"client_query_log"}


def translated(text: bytes, waiting: Collection[str]) -> bytes:
    """A statement with system tables exchanged for the views; `waiting` are ids that the engine has not seen yet."""
    if not any(name in text.lower() for name in _TABLES):
        return text
    pieces: list[bytes] = []
    done = 0
    last: list[Token] = []
    for token in tokens(text):
        last = [*last[-2:], token]
        view = _TABLES.get(_bare(token))
        if len(last) < 3 or view is None or last[1].text != b"." or _bare(last[0]) != b"system":
            continue
        pieces += [text[done : last[0].start], _view(view, waiting)]
        done = token.end
    return b"".join(pieces) + text[done:]


def killing(text: bytes) -> bytes:
    """A KILL QUERY with the client's query id in the place of the engine's."""
    comment = _client_id(_PROCESS_COMMENT).encode()
    pieces: list[bytes] = []
    done = 0
    for token in tokens(text):
        if _bare(token) == b"query_id":
            pieces += [text[done : token.start], comment]
            done = token.end
    return b"".join(pieces) + text[done:]


def _bare(token: Token) -> bytes:
    return token.text.strip(b'`"').lower() if token.kind in {"word", "name"} else b""


def _view(name: bytes, waiting: Collection[str]) -> bytes:
    if name != b"client_processes" or not waiting:
        return b"system." + name
    ids = ", ".join(quoted(query_id) for query_id in waiting)
    every = f"SELECT * FROM system.client_processes UNION ALL SELECT * FROM system.client_waiting(ids=[{ids}])"
    return f"({every})".encode()
