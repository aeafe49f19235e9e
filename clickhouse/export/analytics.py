"""Answers of product analytics as rows of a file, for questions that cost more than an answer at once may."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
import pyarrow as pa

from clickhouse.analytics.funnel import Funnel
from clickhouse.analytics.kinds import KINDS, Kind, Question
from clickhouse.analytics.returning import Cohorts, Retention, Returning
from clickhouse.client import connect
from clickhouse.metrics.route import Limits
from streams.settings import Settings

STEP_BETWEEN: Final = " > "
"""Between the events of a path."""
LOOK_SECONDS: Final = 1.0
"""How often whoever makes the file hears that the answer is still awaited."""
_COUNT, _SHARE = pa.int64(), pa.float64()
_TIMES: Final = ("mean", "p50", "p90")
_Line = Mapping[str, Any]


class AnalyticsSource:
    """The answer to one question, asked once."""

    def __init__(self, settings: Settings, name: str, question: Question, limits: Limits) -> None:
        """`name`: kind of the question. `limits`: what ClickHouse may read for it, and for how long."""
        self.subject = name
        self._kind: Kind = KINDS[name]
        self._question = question
        self._limits = limits
        # Nothing comes before the whole answer does.
        self._settings = settings.model_copy(update={"clickhouse_timeout_seconds": float(limits.seconds)})

    async def count(self) -> int | None:
        """Nobody knows before the answer is made."""
        return None

    async def batches(self, most: int) -> AsyncIterator[Any]:
        """The answer's rows, so many at most, as pyarrow.RecordBatch, and empty ones until it comes.

        Raises QueryRefused where it costs too much, and as `clickhouse.client.connect` does.
        """
        schema = pa.schema([(name, kind) for name, kind in _columns(self._question).items()])
        nothing = pa.RecordBatch.from_pylist([], schema=schema)
        yield nothing
        asking = asyncio.create_task(self._ask())
        try:
            while not (await asyncio.wait({asking}, timeout=LOOK_SECONDS))[0]:
                yield nothing
            lines = [*_LINES[self.subject](await asking)]
        finally:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
        yield pa.RecordBatch.from_pylist(lines[:most], schema=schema)

    async def _ask(self) -> dict[str, Any]:
        client = await connect(self._settings, reading=True)
        try:
            return await self._kind.answer(client, self._question, self._limits)
        finally:
            await client.close()


def _columns(question: Question) -> dict[str, Any]:
    """Name and type of each column that the rows have."""
    match question:
        case Funnel():
            times = {f"seconds_{name}": _SHARE for name in _TIMES} if question.times else {}
            counts = {"step": _COUNT, "event": pa.string(), "people": _COUNT, "of_first": _SHARE, "of_previous": _SHARE}
            return _by(question.by) | counts | times
        case Retention():
            return _of_a_period(question.asked)
        case Cohorts():
            return _of_a_period(question.asked) | {"events": _COUNT, "sums": pa.string()}
    return {"path": pa.string(), "people": _COUNT, "share": _SHARE}


def _by(name: str) -> dict[str, Any]:
    return {name: pa.string()} if name else {}


def _of_a_period(asked: Returning) -> dict[str, Any]:
    moment = pa.timestamp("ms", asked.span.zone.key)
    cohort = {"cohort_start": moment, "cohort_end": moment, **_by(asked.by), "cohort_people": _COUNT}
    times = {"start": moment, "end": moment, "complete": pa.bool_()}
    return cohort | {"period": _COUNT, **times, "people": _COUNT, "share": _SHARE}


def _of_funnel(answer: Mapping[str, Any]) -> Iterator[_Line]:
    for group in answer["groups"]:
        for step in group["steps"]:
            times = {f"seconds_{name}": value for name, value in (step["seconds"] or {}).items()}
            yield {**group["key"], **step, **times}


def _of_cohorts(answer: Mapping[str, Any]) -> Iterator[_Line]:
    for cohort in answer["cohorts"]:
        head = {
            "cohort_start": datetime.fromisoformat(cohort["start"]),
            "cohort_end": datetime.fromisoformat(cohort["end"]),
            "cohort_people": cohort["people"],
            **cohort["key"],
        }
        for period in cohort["periods"]:
            times = {name: datetime.fromisoformat(period[name]) for name in ("start", "end")}
            sums = {"sums": msgspec.json.encode(period["sums"]).decode()} if "sums" in period else {}
            yield {**head, **period, **times, **sums}


def _of_paths(answer: Mapping[str, Any]) -> Iterator[_Line]:
    for path in answer["paths"]:
        yield {**path, "path": STEP_BETWEEN.join(path["events"])}


_LINES: Final[dict[str, Callable[[Mapping[str, Any]], Iterator[_Line]]]] = {
    "funnels": _of_funnel,
    "retention": _of_cohorts,
    "cohorts": _of_cohorts,
    "paths": _of_paths,
}
