"""What becomes of each posted event before it is sent: the worker's own verdict, in the worker's own words."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from streams import codec, skew
from streams.codec import Decoded, EnvelopeStruct, Refusal, spec_of
from streams.settings import Settings

TURN = 250
"""Events that are judged before other requests have their turn: one that is no event takes a tenth of a millisecond."""
OVERHEAD_BYTES = 1024
"""What key and framing add to an event: one of exactly EVENT_BYTES_LIMIT would be more than a broker's usual limit."""


@dataclass(frozen=True, slots=True)
class Policy:
    """The settings that a verdict depends on."""

    bytes_limit: int
    skew_seconds: float
    cold_days: int

    @classmethod
    def of(cls, settings: Settings) -> "Policy":
        """As these settings say."""
        limit = max(OVERHEAD_BYTES, settings.event_bytes_limit - OVERHEAD_BYTES)
        return cls(limit, settings.skew_seconds, settings.metrics_cold_days)


async def judge(values: Sequence[bytes], policy: Policy) -> list[Decoded]:
    """An event or a refusal for each value, in order. Never raises for what a value holds."""
    found: list[Decoded] = []
    for start in range(0, len(values), TURN):
        if start:
            await asyncio.sleep(0)
        found += codec.decode_values(values[start : start + TURN], limit=policy.bytes_limit)
    return _timely(found, policy, datetime.now(UTC))


def _timely(found: list[Decoded], policy: Policy, now: datetime) -> list[Decoded]:
    """The same without events from the future and from before the end of cold storage."""
    places = [place for place, each in enumerate(found) if type(each) is not Refusal]
    events = [found[place] for place in places]
    too_old_before = now - timedelta(days=policy.cold_days)
    for index, reason in skew.verdicts(events, now, policy.skew_seconds, too_old_before).items():
        event = events[index]
        assert isinstance(event, EnvelopeStruct)
        name = spec_of(type(event)).name
        words = skew.words(event.time, now, policy.skew_seconds, too_old_before)
        found[places[index]] = Refusal(reason, "time", words, name, event.id, event.source)
    return found
