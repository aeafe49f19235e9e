"""What the log writes, and which false alarms it leaves out."""

import json
import logging
import os
import subprocess
import sys
from typing import Literal

import pytest

from streams.log import FALSE_ALARMS, WithoutFalseAlarms

PROGRAM = """
import logging, structlog
from streams.log import configure
configure({form!r}, "info")
structlog.get_logger("ours").info("batch delivered", shard=3, rows=50000)
structlog.get_logger("ours").debug("not written")
logging.getLogger("faust.transport.drivers.aiokafka").error("Has not committed %r (last commit %s).", 1, 2)
logging.getLogger("aiokafka").warning("broker %s away", 7)
try:
    1 / 0
except ZeroDivisionError:
    structlog.get_logger("ours").exception("stopped")
"""

WORKER = """
import logging, sys
from streams.worker import Worker, app
Worker(app, loglevel="warn")._setup_logging()
sys.exit(logging.getLogger("aiokafka.conn").isEnabledFor(logging.DEBUG))
"""
"""Exit code 1 where every debug line is made, if only to be dropped."""


def lines(form: Literal["console", "json"]) -> list[str]:
    """The lines that a process with this format writes to stderr."""
    done = subprocess.run([sys.executable, "-c", PROGRAM.format(form=form)], capture_output=True, text=True, check=True)
    assert done.stdout == ""
    return done.stderr.splitlines()


def test_json_is_one_object_a_line_with_level_logger_and_fields() -> None:
    first, second, third = (json.loads(line) for line in lines("json"))
    assert first["event"] == "batch delivered"
    assert (first["shard"], first["rows"], first["level"], first["logger"]) == (3, 50000, "info", "ours")
    assert first["timestamp"].endswith("Z")
    assert (second["event"], second["level"], second["logger"]) == ("broker 7 away", "warning", "aiokafka")
    assert "ZeroDivisionError" in third["exception"]


def test_console_is_text_without_colours() -> None:
    first, second, *rest = lines("console")
    assert rest[-1] == "ZeroDivisionError: division by zero"
    assert not any("╭" in line for line in rest)
    assert "batch delivered" in first
    assert "shard=3" in first
    assert "broker 7 away" in second
    assert "\x1b[" not in first


@pytest.mark.parametrize("sentence", FALSE_ALARMS)
def test_false_alarms_are_the_words_of_the_installed_faust(sentence: str) -> None:
    from faust.transport.drivers import aiokafka

    templates = [v for k, v in vars(aiokafka).items() if k.startswith("SLOW_PROCESSING_")]
    assert any(template.startswith(sentence) for template in templates)
    record = logging.LogRecord("x", logging.ERROR, "", 1, f"\n{sentence} %r", None, None)
    assert not WithoutFalseAlarms().filter(record)


def test_a_worker_that_only_warns_makes_no_debug_lines_for_faust_to_spin_by() -> None:
    settings = {"LOG_LEVEL": "warning", "KAFKA_BOOTSTRAP_SERVERS": "localhost:9092"}
    subprocess.run([sys.executable, "-c", WORKER], env=os.environ | settings, capture_output=True, check=True)
