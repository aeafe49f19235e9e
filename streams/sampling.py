"""Which location pings are kept: a pure function of the driver, the 10-second slot and the rate."""

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
    return ticket_of(driver_id, int(seconds // SLOT_SECONDS))


def ticket_of(driver_id: str, slot: int) -> int:
    """The same by the number of the slot."""
    return xxh3_64_intdigest(f"{driver_id}\n{slot}".encode("utf-8", "surrogatepass"))
