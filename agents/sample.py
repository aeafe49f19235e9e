"""Keeps a share of the location pings, as the intent's rate says."""

from collections.abc import Sequence
from typing import Any

from streams.moments import milliseconds
from streams.sampling import SAMPLED_TYPE, SLOT_SECONDS, threshold, tickets


def left_out(events: Sequence[Any], rate: float) -> set[int]:
    """The places of the decoded events that are not kept at `rate`.

    Only location pings are ever dropped: a driver's pings of one 10-second slot together, by a hash.
    """
    if rate >= 1:
        return set()
    kinds: set[Any] = set(map(type, events))
    sampled = {kind for kind in kinds if kind.__struct_config__.tag == SAMPLED_TYPE}
    if not sampled:
        return set()
    places = [place for place, event in enumerate(events) if type(event) in sampled]
    pings = [events[place] for place in places]
    slots = milliseconds([ping.time for ping in pings]) // (SLOT_SECONDS * 1000)
    drawn = tickets([ping.data.driver_id for ping in pings], slots.tolist())
    bound = threshold(rate)
    return {place for place, ticket in zip(places, drawn, strict=True) if ticket >= bound}
