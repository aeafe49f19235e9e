"""The oracle reads each topic on, also where that was cut or created anew, and refuses where it was not told."""

import pytest

from streams.cli.topics import create
from streams.settings import Settings
from tests.faults import topics
from tests.faults.oracle import MOST_SEATS, Oracle
from tests.support.feed import produce
from tests.support.wire import event, mixed

pytestmark = pytest.mark.kafka

TOPIC = "rides.booking"


def bookings(first: int, count: int, seats: int = 1) -> list[tuple[str, int, bytes | None]]:
    """(topic, partition, value) of events of one topic, all in partition 0."""
    return [(TOPIC, 0, event("booking.created", number, seats=seats)[1]) for number in range(first, first + count)]


@pytest.mark.long
async def test_topics_are_read_on_over_a_cut_and_a_new_beginning(kafka_settings: Settings) -> None:
    await create(kafka_settings)
    oracle = Oracle(kafka_settings)
    await produce(kafka_settings, [*mixed(40), *bookings(1000, 5)])
    assert (await oracle.read()).records == 45

    # What retention removes has been judged; what it removes unread is lost, and has to be said.
    await topics.cut(kafka_settings, TOPIC, await topics.ends(kafka_settings, TOPIC))
    await produce(kafka_settings, bookings(1100, 3))
    assert (await oracle.read()).records == 48
    await produce(kafka_settings, bookings(1200, 3))
    ends = await topics.ends(kafka_settings, TOPIC)
    await topics.cut(kafka_settings, TOPIC, ends)
    with pytest.raises(AssertionError, match="was cut before its records were judged"):
        await oracle.read()
    oracle.passes_over(TOPIC, ends)
    assert (await oracle.read()).records == 48

    await topics.create_anew(kafka_settings, [TOPIC])
    with pytest.raises(AssertionError, match="was created anew"):
        await oracle.read()
    oracle.created_anew(TOPIC)
    await produce(kafka_settings, [*bookings(1300, 2), *bookings(1400, 1, seats=MOST_SEATS + 1)])
    wanted = await oracle.read()
    assert wanted.records == 51
    assert len(wanted.rows["events_raw"][TOPIC, 0][0]) == 2
    assert list(wanted.contested[TOPIC, 0]) == [2]
