"""The text of an API key: `mr_<id>_<secret>`, made once, kept as a hash.

The secret is 256 random bits, so plain SHA-256 is the right hash. Slow hashes and salts protect what people choose and
others can guess; nobody can try 2^256 secrets at any speed, and no two are the same. A slow hash would cost every
request a tenth of a second of CPU, which whoever wants to stop the service could have for free; a keyed one would add a
second secret to keep and to replace, against a reader of the table who could not use the hashes anyway.
"""

import hashlib
import hmac
import secrets
from typing import NamedTuple

PREFIX = "mr"
ID_BYTES = 8
SECRET_BYTES = 32
LENGTH = len(PREFIX) + 1 + 2 * ID_BYTES + 1 + 43
"""Characters of a whole key."""


class Made(NamedTuple):
    """A key that has just been made."""

    id: str
    text: str
    """The whole key, which is shown once."""
    digest: bytes
    """SHA-256 of the secret."""


class Given(NamedTuple):
    """A key that somebody shows."""

    id: str
    digest: bytes
    """SHA-256 of the secret."""


def make() -> Made:
    """A new key."""
    key_id, secret = secrets.token_hex(ID_BYTES), secrets.token_urlsafe(SECRET_BYTES)
    return Made(key_id, f"{PREFIX}_{key_id}_{secret}", _digest(secret))


def parse(text: str) -> Given | None:
    """The parts of a key; None for what is no key at all, which needs no look into the database."""
    parts = text.split("_", 2)
    if len(text) != LENGTH or not text.isascii() or len(parts) != 3:
        return None
    prefix, key_id, secret = parts
    return Given(key_id, _digest(secret)) if prefix == PREFIX and len(key_id) == 2 * ID_BYTES else None


def same(one: bytes, other: bytes) -> bool:
    """Whether two hashes are equal, in a time that does not say where they differ."""
    return hmac.compare_digest(one, other)


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
