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
from hypothesis.strategies import booleans, lists, none, text, tuples

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


def rendered(events: list[Any]) -> Rows:
    """The rows of events of one topic, each at its place in the list."""
    part = Accepted(events[0].spec.topic, 0, list(range(len(events))), [1] * len(events), events)
    content = _render()(Judged(accepted=[part]), 1.0, 0)
    (rows,) = content.tables.values()
    return rows


@given(valid_events())
@settings(max_examples=200, deadline=None)
def test_a_row_holds_what_the_event_says(drawn: tuple[EventSpec, dict[str, Any]]) -> None:
    spec, whole = drawn
    model = spec.model.model_validate(whole["data"])
    rows = rendered(decoded([whole]))
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
    rows = rendered(events)
    offsets = [offset for _, stretch in rows.offsets for offset in stretch]
    assert offsets == rows.columns["offset"].to_pylist()
    assert sorted(offsets) == [*range(len(events))]
    assert rows.columns["event_id"].to_pylist() == [events[offset].id for offset in offsets]
    assert rows.columns["event_type"].to_pylist() == [events[offset].spec.name for offset in offsets]


def test_a_part_of_the_rows_is_that_part_of_every_column() -> None:
    rng = Random(5)
    names = ("booking.created", "booking.cancelled", "booking.created", "booking.completed", "booking.created")
    rows = rendered(decoded([sample(registry.events[name], rng) for name in names]))
    part = rows.only({"rides.booking": {1, 4}, "rides.trip": {0}})
    assert part.columns["offset"].to_pylist() == [4, 1]
    assert part.by_topic() == {"rides.booking": {1, 4}}
    assert len(part) == 2
    for name, column in rows.columns.items():
        said = dict(zip(rows.columns["offset"].to_pylist(), column.to_pylist(), strict=True))
        assert part.columns[name].to_pylist() == [said[4], said[1]], name
    assert rows.only({"rides.booking": set(range(5))}) is rows
    assert len(rows.only({})) == 0


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
    layout = arrow.Layout([2, 1, 1, 1])
    made = {
        "a": layout.column({0: [1, 2], 3: [3]}, pa.int64()),
        "b": layout.column({1: "x", 2: ["y"]}, pa.string()),
        "c": layout.column({0: [True, None], 1: [False], 2: [True], 3: [True]}, pa.bool_()),
        "d": layout.column({0: [EPOCH, None], 3: [EPOCH]}, arrow.MILLISECONDS),
        "e": layout.of_parts(["p", "q", "p", None], pa.string()),
    }
    (batch,) = pa.ipc.open_stream(arrow.stream(made))
    assert batch.to_pydict() == {
        "a": [1, 2, None, None, 3],
        "b": [None, None, "x", "y", None],
        "c": [True, None, False, True, True],
        "d": [EPOCH, None, None, None, EPOCH],
        "e": ["p", "p", "q", "p", None],
    }


@given(lists(tuples(lists(none() | text(max_size=3), max_size=4), booleans()), max_size=8))
def test_a_column_is_its_parts_one_after_the_other(drawn: list[tuple[list[str | None], bool]]) -> None:
    layout = arrow.Layout([len(values) for values, _ in drawn])
    pieces = {place: values for place, (values, has) in enumerate(drawn) if has}
    wanted = [value if has else None for values, has in drawn for value in values]
    assert layout.column(pieces, pa.string()).to_pylist() == wanted
    assert layout.column(pieces, pa.string()).to_pylist() == wanted, "also when the places are known"


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
