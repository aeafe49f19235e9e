"""Enough of ClickHouse's grammar to know what a statement is and where its data, format and target stand."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from deploy.local.clickhouse.failures import refused

_TOKEN = re.compile(
    rb"""(?P<space>\s+|--[^\n]*|\#[ !][^\n]*|/\*.*?\*/)
    |(?P<string>'(?:[^'\\]|\\.|'')*')
    |(?P<name>`(?:[^`\\]|\\.|``)*`|"(?:[^"\\]|\\.|"")*")
    |(?P<word>[A-Za-z_][A-Za-z0-9_]*)
    |(?P<heredoc>\$(\w*)\$.*?\$\6\$)
    |(?P<number>[0-9][A-Za-z0-9_.]*)
    |(?P<sign>.)""",
    re.DOTALL | re.VERBOSE,
)
_READS = {b"SELECT", b"WITH", b"FROM", b"SHOW", b"DESCRIBE", b"DESC", b"EXPLAIN", b"EXISTS", b"VALUES", b"("}
_KINDS: dict[bytes, Literal["set", "use", "kill"]] = {b"SET": "set", b"USE": "use", b"KILL": "kill"}
_LINE = re.compile(rb"[ \t\f]*\r?\n?")
_FILES = "the server takes and gives data over HTTP only, never from or to its own files"


@dataclass(frozen=True, slots=True)
class Token:
    """One token of a statement, comments and blanks left out."""

    kind: str
    text: bytes
    start: int
    end: int
    depth: int

    def is_word(self, word: bytes) -> bool:
        """Whether this is that keyword, at any case, outside brackets."""
        return self.depth == 0 and self.kind == "word" and self.text.upper() == word


@dataclass(frozen=True, slots=True)
class Insert:
    """An INSERT with its data beside it: `head` + a source + `tail`, data from byte `data` of the whole text."""

    head: bytes
    tail: bytes
    data: int


@dataclass(frozen=True, slots=True)
class Read:
    """A statement with a result: `head` + a target + `tail`, written in `format`."""

    head: bytes
    tail: bytes
    format: str


@dataclass(frozen=True, slots=True)
class Other:
    """A statement that goes to the engine as it is: DDL, SET, SYSTEM, KILL, INSERT ... SELECT."""

    text: bytes
    kind: Literal["set", "use", "kill", "insert", "other"]


Statement = Insert | Read | Other


def tokens(text: bytes) -> Iterator[Token]:
    """The tokens of a statement; what follows broken quotes comes as single signs, for the engine to refuse."""
    depth = 0
    for found in _TOKEN.finditer(text):
        kind = found.lastgroup or "sign"
        if kind == "space":
            continue
        piece = found[0]
        depth -= piece in (b")", b"]", b"}")
        yield Token(kind, piece, found.start(), found.end(), depth)
        depth += piece in (b"(", b"[", b"{")


def parse(text: bytes, default_format: str) -> Statement:
    """Say what a statement is. `text` may go on with an INSERT's data; raises EngineError for an empty one."""
    first = next(tokens(text), None)
    if first is None:
        raise refused(62, "SYNTAX_ERROR", "Empty query")
    if first.kind != "word" and first.text != b"(":
        raise refused(
            62, "SYNTAX_ERROR", f"Syntax error: failed at position 1 ({first.text[:20]!r}): expected a statement"
        )
    opening = first.text.upper()
    if opening == b"INSERT":
        return _insert(text)
    if opening in _READS:
        return _read(text, default_format)
    return Other(text, _KINDS.get(opening, "other"))


def _insert(text: bytes) -> Statement:
    settings: int | None = None
    before: Token | None = None
    stream = tokens(text)
    for token in stream:
        named = before is not None and (before.text == b"." or before.text.upper() in (b"INTO", b"TABLE"))
        before, earlier = token, before
        if named:
            continue
        if token.is_word(b"SELECT") or token.is_word(b"WITH") or token.is_word(b"WATCH"):
            return Other(text, "insert")
        if token.is_word(b"INFILE") and earlier is not None and earlier.is_word(b"FROM"):
            raise refused(78, "UNKNOWN_TYPE_OF_QUERY", f"FROM INFILE is not allowed: {_FILES}")
        if token.is_word(b"SETTINGS"):
            settings = token.start
        if token.is_word(b"VALUES"):
            cut = token.start if settings is None else settings
            return Insert(text[:cut], text[cut : token.start] + b" FORMAT Values", token.end)
        if token.is_word(b"FORMAT"):
            name = next(stream, None)
            if name is None:
                break
            cut = token.start if settings is None else settings
            found = _LINE.match(text, name.end)
            return Insert(text[:cut], text[cut : name.end], found.end() if found else name.end)
        if token.kind == "sign" and token.text == b"(" and _opens_select(text, token):
            return Other(text, "insert")
    return Other(text, "insert")


def _opens_select(text: bytes, bracket: Token) -> bool:
    after = next(tokens(text[bracket.end : bracket.end + 1000]), None)
    return after is not None and after.text.upper() in (b"SELECT", b"WITH")


def _read(text: bytes, default_format: str) -> Read:
    seen = list(tokens(text))
    while seen and seen[-1].text == b";":
        seen.pop()
    if any(token.text == b";" and token.kind == "sign" for token in seen):
        raise refused(62, "SYNTAX_ERROR", "Syntax error (Multi-statements are not allowed): send one at a time")
    end = seen[-1].end
    for at, token in enumerate(seen):
        if token.is_word(b"OUTFILE") and seen[at - 1].is_word(b"INTO"):
            raise refused(358, "INTO_OUTFILE_NOT_ALLOWED", f"INTO OUTFILE is not allowed: {_FILES}")
    for at in range(len(seen) - 2, 0, -1):
        if not seen[at].is_word(b"FORMAT") or seen[at + 1].kind != "word":
            continue
        if at + 2 == len(seen) or seen[at + 2].is_word(b"SETTINGS"):
            name = seen[at + 1].text.decode()
            return Read(text[: seen[at].start], text[seen[at].start : end], name)
    return Read(text[:end] + b"\n", b" FORMAT " + default_format.encode(), default_format)


def assignments(text: bytes) -> dict[str, str]:
    """The names and values of a SET statement, values as they are written there."""
    found: dict[str, str] = {}
    seen = [token for token in tokens(text) if token.text != b";"]
    starts = [at for at, token in enumerate(seen) if token.text == b"=" and token.depth == 0 and at > 0]
    for at in starts:
        ends = (token.start for token in seen[at:] if token.text == b"," and token.depth == 0)
        value = text[seen[at].end : next(ends, seen[-1].end)]
        found[seen[at - 1].text.decode().strip("`")] = value.decode().strip()
    return found


def quoted(text: str) -> str:
    """A string literal of ClickHouse's SQL."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
