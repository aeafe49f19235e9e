"""Events as columns: what an event says is what its row says, whatever stands beside it."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from random import Random
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings

from agents import places
from agents.judge import Accepted, Judged
from agents.locate import Locate
from agents.render import Render
from agents.rows import Rows
from clickhouse import arrow
from streams.errors import ConfigurationError
from streams.events import EventSpec, registry
from streams.events.sample import sample
from streams.world import zones
from tests.strategies import valid_events
from tests.support.rows import decoded

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@cache
def _render() -> Render:
    return Render(Locate(zones.points(), places.load()))


def rendered(events: list[Any]) -> list[Rows]:
    """The rows of events of one topic, each at its place in the list."""
    part = Accepted(events[0].spec.topic, 0, list(range(len(events))), [1] * len(events), events)
    content = _render()(Judged(accepted=[part]), 1.0, 0)
    return [rows for parts in content.tables.values() for rows in parts]


@given(valid_events())
@settings(max_examples=200, deadline=None)
def test_a_row_holds_what_the_event_says(drawn: tuple[EventSpec, dict[str, Any]]) -> None:
    spec, whole = drawn
    model = spec.model.model_validate(whole["data"])
    (rows,) = rendered(decoded([whole]))
    row = {name: column.to_pylist()[0] for name, column in rows.columns.items()}
    for column in spec.columns:
        value = getattr(model, column.name, None)
        if column.name not in spec.fields:
            continue
        if isinstance(value, datetime):
            assert timedelta() <= value - row[column.name] < timedelta(milliseconds=1)
        else:
            assert row[column.name] == value, column.name
    assert row["event_id"] == whole["id"]
    assert row["event_type"] == spec.name


@pytest.mark.parametrize("topic", sorted(registry.topics))
def test_rows_of_several_types_keep_their_offsets(topic: str) -> None:
    rng = Random(4)
    events = decoded([sample(spec, rng) for _ in range(3) for spec in registry.topics[topic]])
    found: dict[int, str] = {}
    for rows in rendered(events):
        assert rows.offsets == rows.columns["offset"].to_pylist()
        found |= dict(zip(rows.offsets, rows.columns["event_id"].to_pylist(), strict=True))
    assert found == {place: event.id for place, event in enumerate(events)}


def test_a_part_of_the_rows_is_that_part_of_every_column() -> None:
    rng = Random(5)
    (rows,) = rendered(decoded([sample(registry.events["booking.created"], rng) for _ in range(5)]))
    part = rows.only({1, 3})
    assert part.offsets == part.columns["offset"].to_pylist() == [1, 3]
    assert all(len(column) == 2 for column in part.columns.values())
    assert rows.only(set(range(5))) is rows


def test_times_are_cut_to_the_millisecond_in_utc() -> None:
    ahead = timezone(timedelta(hours=5, minutes=30))
    moments = [datetime(2026, 1, 1, 3, 0, 0, 999_999, ahead), None, datetime(1969, 12, 31, 23, 59, 59, 1_500, UTC)]
    found = arrow.moments(moments).to_pylist()
    assert found[0] == datetime(2025, 12, 31, 21, 30, 0, 999_000, UTC)
    assert found[1] is None
    assert found[2] == datetime(1969, 12, 31, 23, 59, 59, 1_000, UTC)


def test_every_millisecond_stays_what_it_is() -> None:
    stamps = np.arange(1_767_225_600_000, 1_767_225_602_000)
    moments = [EPOCH + timedelta(milliseconds=int(stamp)) for stamp in stamps]
    assert arrow.moments(moments).equals(arrow.stamped(stamps))


def test_columns_that_a_part_lacks_are_null_in_its_rows() -> None:
    parts = [{"a": pa.array([1, 2])}, {"b": pa.array(["x"])}, {"b": pa.array(["y"])}, {"a": pa.array([3])}]
    names, block = arrow.stream(parts, [2, 1, 1, 1], {"c": pa.array([True] * 5)})
    (batch,) = pa.ipc.open_stream(block)
    assert names == ["a", "b", "c"]
    assert batch.to_pydict() == {"a": [1, 2, None, None, 3], "b": [None, None, "x", "y", None], "c": [True] * 5}


def test_a_type_without_a_way_to_clickhouse_is_named() -> None:
    with pytest.raises(ConfigurationError, match="no Arrow type is known for Nullable"):
        arrow.arrow_type("Nullable(UUID)")


def test_a_worker_loads_no_pandas() -> None:
    code = (
        "import sys; from clickhouse import arrow; arrow.without_pandas(); "
        "import pyarrow; pyarrow.array(['a']); print('pandas' in sys.modules, sys.meta_path[0])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("False <")
    assert "_NoPandas" not in done.stdout
