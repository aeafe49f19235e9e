"""Exports beyond those that are answered at once: by command, or as jobs."""

from typing import BinaryIO, Final

from api.exports.order import Order, Reach
from clickhouse.client import connect
from clickhouse.export.make import Made, Size, Tell, make
from clickhouse.metrics.answer import Answer, answer
from clickhouse.metrics.question import Question
from clickhouse.metrics.route import Limits
from streams.settings import Settings

LIMITS: Final = Limits(5_000_000_000, 3600)
"""What ClickHouse may read for one: rows as in the profile `bi` of deploy/clickhouse, for an hour."""
_HINT: Final = "Ask for a shorter range or fewer columns, or raise the setting."


async def made_into(settings: Settings, wanted: Order, file: BinaryIO, tell: Tell | None = None) -> Made:
    """Write an order into a file. Raises as `make` does, and as `clickhouse.client.connect` does."""
    client = await connect(settings, reading=True)

    async def ask(question: Question, compare: bool) -> Answer:
        return await answer(client, question, compare=compare)

    try:
        source = wanted.open(Reach(settings, LIMITS, ask))
        return await make(source, wanted.format, file, size_of(settings), tell)
    finally:
        await client.close()


def size_of(settings: Settings) -> Size:
    """How large such a file may be."""
    return Size(settings.export_job_rows, settings.export_job_bytes, "EXPORT_JOB_ROWS", "EXPORT_JOB_BYTES", _HINT)
