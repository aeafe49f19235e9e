"""What the settings hold addresses to, and how one is shown without its password."""

import re
from urllib.parse import urlsplit

HIGHEST_PORT = 65_535
OBJECTS = "s3://"
"""How the address of an object store begins."""
_HOST = re.compile(r"[^\s:/@\[\]]+|\[[0-9A-Fa-f:.]+\]")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]+:/")
_DATABASE = re.compile(r"/?|/\d+")


def brokers(text: str) -> str:
    """Brokers as `host:port,host:port`, without blanks. Raises ValueError, which names the first that is none."""
    found = [part.strip() for part in text.split(",")]
    for each in found:
        host, _, port = each.rpartition(":")
        if not _HOST.fullmatch(host) or not _is_port(port):
            raise ValueError(
                f"{without_password(each)!r} is no broker; write host:port, or host:port,host:port, without a scheme"
            )
    return ",".join(found)


def redis(url: str) -> str:
    """The URL of a Redis server, as it is. Raises ValueError where it is none."""
    if not _is_redis(url):
        raise ValueError("it must read redis://host:6379/0, rediss://host:6379/0 with TLS, or unix:///path")
    return url


def place(text: str) -> str:
    """A folder or an address of an object store, as it is. Raises ValueError for any other address."""
    if _SCHEME.match(text) and not text.startswith(OBJECTS):
        raise ValueError("it is an address of neither; give a folder, or s3://bucket/prefix")
    return text


def without_password(url: str) -> str:
    """The same address, or list of addresses, fit to be shown."""
    return re.sub(r"(^|,)(\w+://)?([^:@/,]*):(?!//)[^,\s]*@", r"\1\2\3:***@", url)


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdecimal() and 1 <= int(text) <= HIGHEST_PORT


def _is_redis(text: str) -> bool:
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError:
        return False
    if url.scheme == "unix":
        return len(url.path) > 1
    return (
        url.scheme in ("redis", "rediss") and bool(url.hostname) and port != 0 and bool(_DATABASE.fullmatch(url.path))
    )
