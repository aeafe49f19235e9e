"""What an HTTP request asks for: user, database, settings, parameters and statement, without the body's data."""

import base64
import binascii
import hmac
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from deploy.local.clickhouse.engine import Job, Table
from deploy.local.clickhouse.external import Form, checked
from deploy.local.clickhouse.failures import refused

_OWN = {
    "query", "user", "password", "quota_key", "compress", "decompress", "stacktrace", "buffer_size", "role",
    "client_protocol_version", "wait_end_of_query", "query_id", "session_id", "session_timeout", "session_check",
    "close_session", "database", "default_format",
}  # fmt: skip
LONGEST_SESSION = 3600


@dataclass(frozen=True, slots=True)
class Call:
    """One request, read from its URL and headers."""

    query: bytes
    query_id: str
    database: str
    default_format: str
    settings: Mapping[str, str]
    parameters: Mapping[str, str]
    read_only: bool
    hold_result: bool
    session_id: str = ""
    session_timeout: float = 60
    session_must_exist: bool = False
    tables: tuple[Table, ...] = ()

    def job(self, in_session: bool) -> Job:
        """What the engine needs of it. A session cannot be made read-only: there would be no way back."""
        return Job(
            self.query_id, self.settings, self.parameters, self.database, self.read_only and not in_session, self.tables
        )


@dataclass(frozen=True, slots=True)
class User:
    """The one user of the server."""

    name: str
    password: str

    def check(self, headers: Mapping[str, str], given: Mapping[str, str]) -> None:
        """Refuse wrong credentials with error 516, wherever they stand: basic auth, headers or parameters."""
        name, password = _credentials(headers, given)
        same_name = hmac.compare_digest(name.encode(), self.name.encode())
        if hmac.compare_digest(password.encode(), self.password.encode()) and same_name:
            return
        text = f"{name}: Authentication failed: password is incorrect, or there is no user with such name."
        raise refused(516, "AUTHENTICATION_FAILED", text)


def _credentials(headers: Mapping[str, str], given: Mapping[str, str]) -> tuple[str, str]:
    if "X-ClickHouse-User" in headers or "X-ClickHouse-Key" in headers:
        return headers.get("X-ClickHouse-User", "default"), headers.get("X-ClickHouse-Key", "")
    scheme, _, secret = headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            name, _, password = base64.b64decode(secret, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            raise refused(516, "AUTHENTICATION_FAILED", "The header Authorization is not valid") from None
        return name, password
    return given.get("user", "default"), given.get("password", "")


def read(method: str, headers: Mapping[str, str], given: Mapping[str, str], form: Form) -> Call:
    """Read a request without its data; raises EngineError for values that are not valid."""
    values = form.fields | {name: _checked(value) for name, value in given.items()}
    settings = {name: value for name, value in values.items() if _is_setting(name) and not form.describes(name)}
    for name in ("compress", "decompress"):
        if values.get(name, "0") not in ("0", "false"):
            text = f"{name}=1 (ClickHouse's own framing) is not served; use Accept-Encoding and Content-Encoding"
            raise refused(48, "NOT_IMPLEMENTED", text)
    for name in ("query_id", "session_timezone"):
        if not values.get(name, "").isprintable():
            raise refused(36, "BAD_ARGUMENTS", f"{name} {values[name]!r} has characters that cannot be printed")
    return Call(
        query=values.get("query", "").encode(errors="surrogateescape"),
        query_id=values.get("query_id") or str(uuid.uuid4()),
        database=values.get("database") or headers.get("X-ClickHouse-Database", ""),
        default_format=values.get("default_format") or headers.get("X-ClickHouse-Format", "TabSeparated"),
        settings=settings,
        parameters={name[6:]: value for name, value in values.items() if name.startswith("param_")},
        read_only=method in ("GET", "HEAD"),
        hold_result=values.get("wait_end_of_query", "0") not in ("0", "false", ""),
        session_id=values.get("session_id", ""),
        session_timeout=_timeout(values.get("session_timeout", "60")),
        session_must_exist=values.get("session_check", "0") == "1",
        tables=form.tables(values),
    )


def _checked(value: str) -> str:
    checked(value.encode(errors="surrogateescape"))
    return value


def _is_setting(name: str) -> bool:
    return name not in _OWN and not name.startswith("param_")


def _timeout(text: str) -> float:
    if not text.isdigit() or int(text) > LONGEST_SESSION:
        wanted = f"Session timeout '{text}' is not a number of seconds up to {LONGEST_SESSION}"
        raise refused(374, "INVALID_SESSION_TIMEOUT", wanted)
    return float(text)
