"""The windows of the real rides over a kill -9 and a pause of workers, held to the file."""

import pytest

from streams.settings import Settings
from tests.support.found import one, wait_for
from tests.support.producers import sending
from tests.support.rides import EXPECTED, assert_windows
from tests.support.waiting import until
from tests.support.workers import Crew

pytestmark = [pytest.mark.slow, pytest.mark.kafka, pytest.mark.faults]


def test_windows_are_those_of_the_file_over_a_kill_and_a_pause(on_kafka: Settings, workers: Crew) -> None:
    settings = on_kafka.model_copy(update={"watermark_idle_seconds": 15.0, "batch_rows": 1000})
    first, second = workers.start(settings), workers.start(settings)
    first.wait_ready()
    with sending(settings, "replay", "rides") as producer:
        until("some rows are there", lambda: one(settings, "SELECT count() FROM events_raw") > 3_000)
        first.kill()
        until("more rows are there", lambda: one(settings, "SELECT count() FROM events_raw") > 9_000, 90)
        second.pause()
        third = workers.start(settings)
        until("the others have given it up", lambda: len(third.shards) == 2)
        second.resume()
        assert producer.truth()["sent"] == 25_000
    wait_for(settings, EXPECTED)
    assert_windows(settings, [second, third])
