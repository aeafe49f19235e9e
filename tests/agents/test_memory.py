"""What was freed goes back to the system, also what lies between things that are still held."""

import psutil

from agents.memory import give_back, give_back_beside

SIZE = 2000
"""Bytes of a piece: more than Python's own allocator takes, less than the C library asks the system for one by one."""


def resident() -> int:
    """Memory of this process, in bytes."""
    return int(psutil.Process().memory_info().rss)


def full_of_holes() -> list[bytes]:
    """The hundredth part of 200 MB that were taken, strewn over all of it."""
    pieces = [bytes([number % 255 + 1]) * SIZE for number in range(100_000)]
    return pieces[::100]


def test_freed_memory_is_given_back() -> None:
    held = full_of_holes()
    before = resident()

    give_back()

    assert before - resident() > 100 * 2**20
    assert len(held) == 1000


async def test_it_is_given_back_beside_the_loop() -> None:
    held = full_of_holes()
    before = resident()

    await give_back_beside()

    assert before - resident() > 100 * 2**20
    assert len(held) == 1000
