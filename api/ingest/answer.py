"""What a client is told: a verdict for every event, and what to do about those that were not accepted."""

from collections import Counter
from collections.abc import Sequence
from enum import StrEnum
from typing import Any

import msgspec
from fastapi.responses import Response

from api.ingest.lot import Fate, Lot
from api.problems import MEDIA_TYPE
from streams import http_metrics
from streams.codec import Decoded, Refusal, spec_of
from streams.errors import Reject
from streams.events import registry

RETRY_SECONDS = 2


class Status(StrEnum):
    """What became of one posted event."""

    ACCEPTED = "accepted"
    """The broker has acknowledged it on all in-sync replicas."""
    REFUSED = "refused"
    """It is no event that this version takes; it was not sent. Sending it again changes nothing."""
    UNKNOWN = "unknown"
    """It was sent, and no acknowledgement came in time: it may or may not have arrived. Send it again, id unchanged."""
    UNSENT = "unsent"
    """It was not sent, because the broker was away. Send it again."""


class Listed(StrEnum):
    """Which events an answer lists."""

    ALL = "all"
    """Every event."""
    OTHERS = "others"
    """Those that were not accepted."""


class Verdict(msgspec.Struct, omit_defaults=True, gc=False):
    """What became of one event."""

    index: int
    status: str
    id: str | None = None
    source: str | None = None
    type: str | None = None
    reason: str | None = None
    field: str | None = None
    message: str | None = None


def verdicts(found: Sequence[Decoded], lots: Sequence[Lot]) -> list[Verdict]:
    """A verdict for each event; `lots` are those of the events that were not refused, in order."""
    sent = iter(lots)
    return [
        _refused(index, each) if isinstance(each, Refusal) else _sent(index, each, next(sent))
        for index, each in enumerate(found)
    ]


def _refused(index: int, refusal: Refusal) -> Verdict:
    known = (refusal.event_id, refusal.source, refusal.event_type)
    return Verdict(index, "refused", *known, str(refusal.reason), refusal.field, refusal.message)


def _sent(index: int, event: Any, lot: Lot) -> Verdict:
    verdict = Verdict(index, "accepted", event.id, event.source, spec_of(type(event)).name)
    if lot.fate is Fate.TOO_LARGE:
        verdict.status, verdict.reason = "refused", str(Reject.MALFORMED)
        verdict.message = "The broker takes no message of that size"
    elif lot.fate is Fate.UNSENT:
        verdict.status = "unsent"
    elif lot.fate is not Fate.ACKNOWLEDGED:
        verdict.status = "unknown"
    return verdict


def compose(found: Sequence[Verdict], listed: Listed) -> Response:
    """The answer: 202 where an event was accepted and none is in doubt, 422 where all were refused, else 503."""
    counts = Counter(verdict.status for verdict in found)
    _count(found)
    content: dict[str, Any] = {status.value: counts[status.value] for status in Status}
    content["items"] = [v for v in found if listed is Listed.ALL or v.status != "accepted"]
    if any(verdict.reason == Reject.UNKNOWN_TYPE for verdict in found):
        content["known_types"] = [*registry.events]
    if counts["unknown"] or counts["unsent"]:
        doubt = f"{counts['accepted']} events are acknowledged, {counts['unknown']} may or may not have arrived, and "
        detail = doubt + (
            f"{counts['unsent']} were not sent; {counts['refused']} are refused. Send those that are not acknowledged "
            "again, or all, with the same ids: a repeat within the worker's memory of duplicates makes no second row."
        )
        problem = ("broker_unavailable", "The broker does not acknowledge", 503, detail)
        return _problem(*problem, content | {"retry_after_seconds": RETRY_SECONDS}, {"Retry-After": str(RETRY_SECONDS)})
    if not counts["accepted"]:
        first = found[0]
        where = f"{first.field}: " if first.field else ""
        detail = f"{where}{first.message} ({first.reason}). Nothing was sent; sending it again changes nothing."
        title = "The event is refused" if len(found) == 1 else "Every event is refused"
        return _problem("refused", title, 422, detail, content, {})
    return Response(msgspec.json.encode(content), 202, media_type="application/json")


def _problem(
    code: str, title: str, status: int, detail: str, content: dict[str, Any], headers: dict[str, str]
) -> Response:
    head = {"type": f"urn:millrace:problem:{code}", "title": title, "status": status, "detail": detail, "code": code}
    return Response(msgspec.json.encode(head | content), status, media_type=MEDIA_TYPE, headers=headers)


def _count(found: Sequence[Verdict]) -> None:
    for outcome, count in Counter(verdict.reason or verdict.status for verdict in found).items():
        http_metrics.ITEMS.labels(outcome).inc(count)
