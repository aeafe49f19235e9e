"""A closed window is needed until it is written, also while it is being written and where that fails."""

from streams.events.domains import RIDES
from tables.aggregates import Count
from tables.closing import Closing
from tables.panes import Panes
from tables.window import Declared, Measures

START, LATER = 6_000, 100_000_000
PLACE = ("1m", START)


def test_a_window_that_is_being_written_is_still_needed() -> None:
    declared = Declared()
    declared.tumbling("1m", Measures("trips", RIDES, ("trip.completed",), (Count("n"),)), size=60)
    panes = Panes(0, declared, {})
    panes.put(declared.slices["trips"], START, {(): [1]}, seq=1)
    closing = Closing(panes)
    closing.note(panes.take_changes()[0])
    assert closing.due(LATER) == [PLACE]
    assert closing.written_to(LATER) == START * 1000

    keys = closing.take(PLACE)
    assert closing.due(LATER) == []
    panes.expire(closing.written_to(LATER))
    closing.again(PLACE, keys)
    closing.over([PLACE])
    assert [each.start for each in closing.read(PLACE)] == [START]

    closing.take(PLACE)
    closing.over([PLACE])
    assert closing.written_to(LATER) == LATER
    panes.expire(closing.written_to(LATER))
    assert len(panes) == 0
