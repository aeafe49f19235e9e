"""Names of record headers, which may be any bytes: what is not UTF-8 in one is a lone surrogate here (PEP 383)."""

from collections.abc import Iterable


def is_text(name: str) -> bool:
    """Whether the name is UTF-8."""
    return name.isascii() or not any("\udc80" <= letter <= "\udcff" for letter in name)


def unreadable(headers: Iterable[tuple[str, bytes | None]]) -> str | None:
    """The first name that is not UTF-8; None if all are."""
    return next((name for name, _ in headers if not is_text(name)), None)


def as_bytes(name: str) -> bytes:
    """The name as it stands in Kafka."""
    return name.encode("utf-8", "surrogateescape")


def as_text(name: bytes | str) -> str:
    """The name for places that take UTF-8 alone: any other byte as `\\xff`."""
    found = as_bytes(name) if isinstance(name, str) else name
    return found.decode("utf-8", "backslashreplace")
