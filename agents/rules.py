"""The alert rules in force: those of the file that the settings name, else those that the code declares."""

from agents.watch import reading_keys
from streams.alerts import Rule, check
from streams.alerts.declared import RULES
from streams.alerts.file import parse
from streams.errors import ConfigurationError
from streams.settings import Settings
from tables.window import Declared


def known_readings(declared: Declared) -> dict[str, dict[str, dict[str, tuple[str, ...]]]]:
    """What a rule can read: of every window the measures, and the names and closed values in their readings' keys."""
    return {name: reading_keys(window) for name, window in declared.windows.items()}


def rules_of(settings: Settings, declared: Declared) -> tuple[Rule, ...]:
    """The rules, each over a window, measures and keys that exist. Raises ConfigurationError."""
    file, known = settings.alert_rules_file, known_readings(declared)
    if file is None:
        check(RULES, known)
        return RULES
    try:
        rules = parse(file.read_text("utf-8"))
        check(rules, known)
    except (OSError, UnicodeDecodeError, ConfigurationError) as error:
        raise ConfigurationError(f"ALERT_RULES_FILE={file}: {error}") from error
    return rules
