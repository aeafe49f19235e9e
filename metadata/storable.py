"""Text from elsewhere, such as what a command or a server said, as PostgreSQL can hold it."""

from typing import Final

_REPLACED: Final = "\ufffd"


def storable(text: str) -> str:
    """The text with a mark in place of what PostgreSQL refuses: NUL, and halves of characters."""
    return text.replace("\0", _REPLACED).encode(errors="replace").decode()
