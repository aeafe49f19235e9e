"""Refuses events from the future and from before the end of cold storage."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from streams.errors import Reject


def verdicts(
    events: Sequence[Any], ingested_at: datetime, skew_seconds: float, too_old_before: datetime
) -> dict[int, Reject]:
    """The index and reason of every decoded event whose time cannot stand.

    An event exactly `skew_seconds` ahead of `ingested_at`, or exactly at `too_old_before`, is accepted. Judged
    against the batch's own time, never the clock, so that a second look at the same batch says the same.
    """
    if not events:
        return {}
    latest = ingested_at + timedelta(seconds=skew_seconds)
    times = [event.time for event in events]
    if max(times) <= latest and min(times) >= too_old_before:
        return {}
    refused = {index: Reject.IN_FUTURE for index, time in enumerate(times) if time > latest}
    refused |= {index: Reject.TOO_OLD for index, time in enumerate(times) if time < too_old_before}
    return refused


def words(time: datetime, ingested_at: datetime, skew_seconds: float, too_old_before: datetime) -> str:
    """What such a refusal says: the time, and the limit that it is beyond, if it is beyond these."""
    said = f"the event time is {time.isoformat()}"
    if time > ingested_at + timedelta(seconds=skew_seconds):
        return f"{said}, more than {skew_seconds:g} s ahead of its ingestion at {_second(ingested_at)}"
    if time < too_old_before:
        return f"{said}, before {_second(too_old_before)}, where cold storage ended at its ingestion"
    return f"{said}, and it was ingested at {_second(ingested_at)}"


def _second(time: datetime) -> str:
    return time.isoformat(timespec="seconds")
