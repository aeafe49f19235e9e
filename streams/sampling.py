"""Which location pings are kept: a pure function of the driver, the 10-second slot and the rate."""

from collections.abc import Sequence

from xxhash import xxh3_64_intdigest

SAMPLED_TYPE = "driver.location.updated"
"""The one event type that is sampled."""
SLOT_SECONDS = 10
"""All pings of a driver within one slot are kept or dropped together."""


def threshold(rate: float) -> int:
    """The bound that `ticket` must stay below for a ping to be kept at this rate (0 to 1)."""
    return int(rate * 2**64)


def ticket(driver_id: str, seconds: float) -> int:
    """A number from 0 to 2**64 - 1, uniform over drivers and slots and the same in every process and version.

    `seconds`: the event's time since 1970; slots begin at multiples of ten seconds.
    """
    return tickets([driver_id], [int(seconds // SLOT_SECONDS)])[0]


def tickets(drivers: Sequence[str], slots: Sequence[int]) -> list[int]:
    """The same of many drivers, each with the number of its slot."""
    ends = {slot: f"\n{slot}" for slot in set(slots)}
    return [xxh3_64_intdigest((driver + ends[slot]).encode()) for driver, slot in zip(drivers, slots, strict=True)]
