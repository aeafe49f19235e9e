"""SQL text: split a file into statements, fill in the database's name, and take checksums."""

import hashlib
import re

from streams.errors import ConfigurationError

_TOKEN = re.compile(
    r"""
      (?P<comment> --[^\n]* | \#[!\ ][^\n]* | /\*.*?\*/ )
    | (?P<string> '(?:[^'\\]|\\.|'')*' | "(?:[^"\\]|\\.|"")*" | `(?:[^`\\]|\\.|``)*`
                | \$(?P<tag>\w*)\$ .*? \$(?P=tag)\$ )
    | (?P<end> ; )
    | (?P<open> ['"`] | /\* )
    | (?P<other> [^-\#/'"`;$]+ | . )
    """,
    re.VERBOSE | re.DOTALL,
)
_EMPTY_LINES = re.compile(r"[ \t]*\n(?:[ \t]*\n)*")
"""Line ends with the blank lines that comments leave behind."""
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PLACEHOLDER = re.compile(r"\{(\w+)\}")


def split(sql: str) -> list[str]:
    """The statements of `sql` without comments and outer blanks; a `;` inside a string or comment ends nothing.

    Raises ConfigurationError if a string or comment is not closed.

    >>> split("SELECT ';' -- a; b\\n; SELECT 2;")
    ["SELECT ';'", 'SELECT 2']
    """
    statements: list[str] = []
    parts: list[str] = []
    plain = ""
    for match in _TOKEN.finditer(sql):
        if match["open"]:
            line = sql.count("\n", 0, match.start()) + 1
            raise ConfigurationError(f"line {line}: {match['open']} is not closed; close the string or comment")
        if match["other"]:
            plain += match[0]
        elif match["comment"]:
            # A comment separates words, as a blank does.
            plain += " "
        else:
            parts.append(_EMPTY_LINES.sub("\n", plain))
            plain = ""
            if match["string"]:
                parts.append(match[0])
            else:
                statements.append("".join(parts))
                parts = []
    statements.append("".join(parts) + _EMPTY_LINES.sub("\n", plain))
    return [text for raw in statements if (text := raw.strip())]


def render(sql: str, database: str) -> str:
    """`sql` with every `{database}` replaced by the quoted name.

    Raises ConfigurationError for a name that is no plain identifier, or another placeholder.
    """
    if not _NAME.fullmatch(database):
        raise ConfigurationError(
            f"CLICKHOUSE_DATABASE is {database!r}; use letters, digits and _ only, not beginning with a digit"
        )

    def fill(match: re.Match[str]) -> str:
        if match[1] != "database":
            raise ConfigurationError(f"unknown placeholder {match[0]} in a migration; only {{database}} is known")
        return database

    return _PLACEHOLDER.sub(fill, sql)


def masked(sql: str) -> str:
    """`sql` with the inside of every string blanked out: what is found in it by position is SQL's own.

    >>> masked("SELECT 'ENGINE = x', `a`")
    "SELECT '          ', `a`"
    """
    parts = []
    for match in _TOKEN.finditer(sql):
        is_text = match["string"] and match[0][0] in "'$"
        parts.append(match[0][0] + " " * (len(match[0]) - 2) + match[0][-1] if is_text else match[0])
    return "".join(parts)


def checksum(text: str) -> str:
    """SHA-256 of `text` in hexadecimal; line ends count as one character whatever the checkout made of them."""
    return hashlib.sha256(text.replace("\r\n", "\n").encode()).hexdigest()
