"""The alert rules in force: those of the file that the settings name, else those that the code declares."""

from streams.alerts import Rule, check
from streams.alerts.declared import RULES
from streams.alerts.file import parse
from streams.errors import ConfigurationError
from streams.settings import Settings
from tables.window import Declared


def known_measures(declared: Declared) -> dict[str, list[str]]:
    """The measures of every window."""
    return {name: [m.name for m in window.over.measures] for name, window in declared.windows.items()}


def rules_of(settings: Settings, declared: Declared) -> tuple[Rule, ...]:
    """The rules, each over a window and measures that exist. Raises ConfigurationError."""
    file, known = settings.alert_rules_file, known_measures(declared)
    if file is None:
        check(RULES, known)
        return RULES
    try:
        rules = parse(file.read_text("utf-8"))
        check(rules, known)
    except (OSError, UnicodeDecodeError, ConfigurationError) as error:
        raise ConfigurationError(f"ALERT_RULES_FILE={file}: {error}") from error
    return rules
