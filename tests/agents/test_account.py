"""What a delivered batch tells the metrics: how old its records and its events were when ClickHouse had their rows."""

import time
from collections import Counter

import pytest
from prometheus_client.metrics import MetricWrapperBase

from agents import account, places
from agents.batch import Batch
from agents.judge import Accepted, Judged
from agents.locate import Locate
from agents.render import Render
from streams import metrics
from streams.events.domains import RIDES, TICKETING
from streams.world import zones
from tests.support.rows import samples

RENDER = Render(Locate(zones.points(), places.load()))


def batch(ages: list[float], now: float) -> Batch:
    """Events of both domains whose records are so many seconds old."""
    events = [*samples(RIDES, len(ages) // 2), *samples(TICKETING, len(ages) - len(ages) // 2)]
    parts: dict[str, Accepted] = {}
    for offset, (event, age) in enumerate(zip(events, ages, strict=True)):
        part = parts.setdefault(event.spec.topic, Accepted(event.spec.topic, 0))
        part.offsets.append(offset)
        part.stamps.append(round((now - age) * 1000))
        part.events.append(event)
    judged = Judged(accepted=[*parts.values()])
    return Batch({}, {}, judged, RENDER(judged, 1.0, round(now * 1000)))


def value(metric: MetricWrapperBase, name: str = "") -> float:
    """The one sample of a metric without labels, or that of this name."""
    (family,) = metric.collect()
    (found,) = [each.value for each in family.samples if not name or each.name == name]
    return found


def test_the_ages_of_records_and_events_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now)
    made = batch([number / 10 for number in range(101)], now)
    rows = value(metrics.BATCH_ROWS, "millrace_batch_rows_sum")
    assert account.delivered(made) == pytest.approx(9.5, abs=0.002)
    ages = sorted(now - event.time.timestamp() for part in made.judged.accepted for event in part.events)
    assert value(metrics.FRESHNESS_P95) == pytest.approx(9.5, abs=0.002)
    assert value(metrics.FRESHNESS_MAX) == pytest.approx(10, abs=0.002)
    assert value(metrics.EVENT_AGE_P95) == pytest.approx(ages[95], abs=0.002)
    assert value(metrics.BATCH_ROWS, "millrace_batch_rows_sum") - rows == 101


def test_a_batch_without_rows_has_no_age() -> None:
    assert account.delivered(Batch({}, {}, Judged(), RENDER(Judged(), 1.0, 0))) is None


def test_events_are_counted_by_type_before_and_after_they_are_rendered() -> None:
    made = batch([1.0] * 101, time.time())
    expected = Counter(event.spec.name for part in made.judged.accepted for event in part.events)
    assert sum((part.types() for part in made.judged.accepted), Counter()) == expected
    again = (Accepted(part.topic, 0, part.offsets, part.stamps, part.events) for part in made.judged.accepted)
    assert sum((part.types() for part in again), Counter()) == expected
