"""Keeps a share of the location pings, as the intent's rate says."""

from collections.abc import Sequence
from typing import Any

from streams.sampling import SAMPLED_TYPE, threshold, ticket


def kept(events: Sequence[Any], rate: float) -> list[bool] | None:
    """For every decoded event whether it is kept at `rate`; None when all are.

    Only location pings are ever dropped: a driver's pings of one 10-second slot together, by a hash.
    """
    if rate >= 1:
        return None
    bound = threshold(rate)
    sampled: dict[type, bool] = {}
    verdicts = [True] * len(events)
    dropped = False
    for index, event in enumerate(events):
        kind = type(event)
        applies = sampled.get(kind)
        if applies is None:
            applies = sampled[kind] = kind.__struct_config__.tag == SAMPLED_TYPE
        if applies and ticket(event.data.driver_id, event.time.timestamp()) >= bound:
            verdicts[index] = False
            dropped = True
    return verdicts if dropped else None
