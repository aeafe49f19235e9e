"""Which windows tell of a person."""

from streams.persons import PERSON_FIELDS
from tables.declared import declared


def personal_windows() -> list[str]:
    """The windows and sessions whose key names a person, or the visit of one."""
    keys = {name: window.over.key for name, window in declared.windows.items()}
    keys |= {name: session.key for name, session in declared.sessions.items()}
    return sorted(name for name, key in keys.items() if set(key) & set(PERSON_FIELDS))
