"""The benchmarks' loads are those of a running product."""

from itertools import islice

from bench.world import under_way
from streams.sampling import SAMPLED_TYPE
from streams.world.dice import Dice

START = 1_767_268_800.0
RATE = 5.0


def test_events_of_a_world_under_way_hold_as_many_pings_early_and_late() -> None:
    made = list(islice(under_way(START, RATE, Dice(7)), 12_000))
    thirds = [made[first : first + 4_000] for first in (0, 4_000, 8_000)]
    shares = [sum(record.type == SAMPLED_TYPE for record in third) / len(third) for third in thirds]
    assert min(shares) > 0.2
    assert max(shares) < 0.45
    assert {"trip.completed", "booking.completed"} < {record.type for record in thirds[0]}


def test_they_happen_from_its_start_on_at_its_rate() -> None:
    made = list(islice(under_way(START, RATE, Dice(7)), 5_000))
    assert abs(made[0].time - START) < 60
    assert abs(made[-1].time - made[0].time - 5_000 / RATE) < 60
