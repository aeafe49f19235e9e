"""Cursors: opaque words for the next page, which fit the question that they were given for and no other."""

import base64
import binascii
from collections.abc import Sequence
from typing import Any

import msgspec

from clickhouse.metrics.question import MOST_OFFSET, Question
from streams.errors import QueryRefused


def fingerprint(question: Question) -> list[str | int | bool]:
    """All that makes a question what it is, in one order, but for the page."""
    return [
        question.metric.name,
        question.begin.isoformat(),
        question.end.isoformat(),
        question.zone.key,
        question.granularity.value,
        ",".join(question.by),
        msgspec.json.encode(question.where).decode(),
        question.exact,
        question.limit,
    ]


def write(question: Question, offset: int) -> str:
    """The cursor of the page that begins there."""
    return page(question.metric.name, fingerprint(question), offset)


def read(text: str, question: Question) -> int:
    """Where the page begins. Raises QueryRefused for a cursor of another question, or none."""
    return place(text, question.metric.name, fingerprint(question))


def page(name: str, asked: Sequence[Any], offset: int) -> str:
    """The cursor of the page that begins there; `asked`: all that makes the question what it is, but for the page."""
    return base64.urlsafe_b64encode(msgspec.json.encode([offset, name, _mark(asked)])).decode()


def place(text: str, asked_name: str, asked: Sequence[Any]) -> int:
    """Where the page begins. Raises QueryRefused for a cursor of another question, or none."""
    try:
        offset, name, mark = msgspec.json.decode(
            base64.b64decode(text.encode(), altchars=b"-_", validate=True), type=tuple[int, str, int]
        )
        if name != asked_name or mark != _mark(asked) or not 0 <= offset <= MOST_OFFSET:
            raise ValueError(name)
    except (ValueError, binascii.Error, msgspec.MsgspecError):
        raise QueryRefused(
            "The cursor belongs to another question.",
            code="bad_cursor",
            value=text[:80],
            hint="Send the `next_cursor` of the answer before, with its parameters; `from` and `to` as times.",
        ) from None
    return offset


def _mark(asked: Sequence[Any]) -> int:
    return binascii.crc32(msgspec.json.encode(asked))
