"""Which fields name a person, and the pseudonym under which an erased one is remembered."""

import hashlib
from typing import Final

from streams.errors import ConfigurationError

PERSON_FIELDS: Final = ("user_id", "driver_id")
"""Fields of events, and columns of tables, that hold the id of a person. A driver is a user: one id, two fields."""

KEY_LENGTH = 16
"""Characters that the key has at least."""


class Pseudonyms:
    """Makes pseudonyms: without the key nobody can tell whose they are, or try ids out."""

    def __init__(self, key: str) -> None:
        """Raises ConfigurationError for a key that could be guessed."""
        if len(key) < KEY_LENGTH:
            raise ConfigurationError(
                f"ERASURE_KEY has {len(key)} characters; give {KEY_LENGTH} or more, as `openssl rand -hex 32` makes"
            )
        self._key = hashlib.blake2b(key.encode(), digest_size=32, person=b"millrace erasure").digest()

    @property
    def fingerprint(self) -> str:
        """Tells two keys apart, and says nothing about either."""
        return hashlib.blake2b(b"fingerprint", key=self._key, digest_size=8).hexdigest()

    def of(self, person: str, domain: str = "") -> str:
        """The pseudonym of a person in one domain, or in all."""
        return hashlib.blake2b(f"{domain}\0{person}".encode(), key=self._key, digest_size=16).hexdigest()
