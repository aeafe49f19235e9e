"""Log lines of every process: structlog and the standard library's loggers, in one format, on stderr."""

import logging
import logging.config
from typing import Any, Literal

import structlog

# Faust judges progress by its own commits and fetches; a quiet topic, or commits of our own, look like a fault to it.
# The worker has a stall detector of its own, so these sentences only ever mislead.
FALSE_ALARMS = (
    "Aiokafka has not sent fetch request for",
    "Aiokafka has not received fetch response for",
    "Aiokafka stopped fetching from",
    "Broker stopped responding to fetch requests for",
    "Highwater not yet available for",
    "Stream has not started processing",
    "Stream stopped processing, or is slow for",
    "Has not committed",
)

SHARED_PROCESSORS: tuple[Any, ...] = (
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
)


class WithoutFalseAlarms(logging.Filter):
    """Drops the sentences of `FALSE_ALARMS`, whichever logger says them."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is to be written."""
        text = record.msg
        return not (isinstance(text, str) and text.lstrip().startswith(FALSE_ALARMS))


def logging_config(form: Literal["console", "json"], level: str) -> dict[str, Any]:
    """The configuration of the standard library's loggers, as `logging.config.dictConfig` and Faust take it."""
    last: list[Any] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if form == "json"
        # Plain tracebacks: the decorated ones print local variables, and with them passwords.
        else [structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)]
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"false_alarms": {"()": WithoutFalseAlarms}},
        "formatters": {
            "line": {
                "()": structlog.stdlib.ProcessorFormatter,
                "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
                "foreign_pre_chain": list(SHARED_PROCESSORS),
            }
        },
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "formatter": "line",
                "filters": ["false_alarms"],
            }
        },
        "root": {"handlers": ["stderr"], "level": level.upper()},
    }


def configure(form: Literal["console", "json"], level: str) -> None:
    """Send every log line of this process to stderr, as text for people or as one JSON object a line."""
    logging.config.dictConfig(logging_config(form, level))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *SHARED_PROCESSORS,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
