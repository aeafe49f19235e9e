"""Keeps a share of the location pings, as the intent's rate says."""

from collections.abc import Sequence
from typing import Any

from streams.moments import milliseconds
from streams.sampling import SAMPLED_TYPE, SLOT_SECONDS, threshold, ticket_of


def kept(events: Sequence[Any], rate: float) -> list[bool] | None:
    """For every decoded event whether it is kept at `rate`; None when all are.

    Only location pings are ever dropped: a driver's pings of one 10-second slot together, by a hash.
    """
    if rate >= 1:
        return None
    bound = threshold(rate)
    kinds: set[Any] = set(map(type, events))
    sampled = {kind for kind in kinds if kind.__struct_config__.tag == SAMPLED_TYPE}
    if not sampled:
        return None
    verdicts = [True] * len(events)
    chosen = [index for index, event in enumerate(events) if type(event) in sampled]
    slots = milliseconds([events[index].time for index in chosen]) // (SLOT_SECONDS * 1000)
    for index, slot in zip(chosen, slots.tolist(), strict=True):
        verdicts[index] = ticket_of(events[index].data.driver_id, slot) < bound
    return None if all(verdicts) else verdicts
