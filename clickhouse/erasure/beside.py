"""The list of erased persons beside the backups: an older backup brings their rows back and does not know of them.

One JSON file in BACKUP_FOLDER, by pseudonym only. It has every erasure since the folder was first named; `millrace
forget` writes a person there before anything else is done, so that there is no erasure that it lacks.
"""

import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from streams.errors import ConfigurationError

NAME = "erasures.json"


class Erased(msgspec.Struct, frozen=True):
    """A person who was erased, or is to be."""

    pseudonym: str
    domain: str
    """Empty: every domain."""
    key: str
    """Fingerprint of the key that made the pseudonym."""
    erasure: str
    at: datetime
    """By the clock of the machine that erased."""

    @property
    def entry(self) -> tuple[str, str]:
        """What tells it from others."""
        return self.pseudonym, self.domain


def read(folder: Path) -> list[Erased]:
    """All that are listed, in the order of their erasure; none where there is no list.

    Raises ConfigurationError for a list that cannot be read: it must not be taken for an empty one.
    """
    path = folder / NAME
    try:
        return msgspec.json.decode(path.read_bytes(), type=list[Erased])
    except FileNotFoundError:
        return []
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"{path} is no list of erasures: {error}; bring it back from a copy of the folder"
        ) from error
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}; run this as a user who may") from error


def note(folder: Path, erased: Erased) -> None:
    """Add a person, as a whole or not at all; one who is listed already stays as first listed.

    One process at a time, which has the turn of retention. Raises ConfigurationError where it cannot be written.
    """
    listed = read(folder)
    if any(each.entry == erased.entry for each in listed):
        return
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o770)
        _replace(folder / NAME, [*listed, erased])
    except OSError as error:
        raise ConfigurationError(
            f"{folder / NAME} cannot be written: {error.strerror}. Without it a restore of an older backup would bring "
            "the person back; run this as a user who may, or unset BACKUP_FOLDER where no backup is taken"
        ) from error


def _replace(path: Path, listed: Sequence[Erased]) -> None:
    draft = path.with_suffix(".draft")
    with draft.open("wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(listed), indent=1))
        file.flush()
        os.fsync(file.fileno())
    draft.rename(path)
