"""The policy's file: what it says, what it refuses, and that every table has a class."""

from pathlib import Path

import pytest

from clickhouse.columns import FAMILIES, RAW
from clickhouse.retention import rules
from streams.errors import ConfigurationError
from streams.settings import Settings

SETTINGS = Settings()
SMALL = """
[raw]
tables = ["events"]
hot = "METRICS_RETENTION_DAYS"
cold = 1000
archive = "ever"

[rest]
default = true
hot = "ever"
"""


def test_the_shipped_policy_follows_the_settings() -> None:
    known = rules.load(Settings(metrics_retention_days=30, metrics_cold_days=400))

    raw = known.of("events_raw", "MergeTree")
    assert (raw.hot, raw.cold, raw.end, raw.has_archive) == (30, 400, 400, True)
    location = known.of("location_events", "MergeTree")
    assert location.end is not None
    assert location.end < 400
    assert [after for after, _ in known.coarse("events_raw")] == [30]


def test_every_table_of_the_stream_is_named_in_a_class() -> None:
    known = rules.load(SETTINGS)

    named = {table for each in known.classes for table in each.tables}
    assert {table.name for table in (*RAW, *FAMILIES)} | {"dead_letters", "metrics_realtime"} == named


def test_a_table_without_a_name_in_the_policy_is_kept_or_counts_as_a_rollup() -> None:
    known = rules.load(SETTINGS)

    assert known.of("holds", "ReplacingMergeTree").end is None
    assert known.of("anything_hourly", "AggregatingMergeTree").name == "rollup"
    assert known.of("anything_hourly", "ReplicatedAggregatingMergeTree").name == "rollup"


def test_another_file_takes_its_place(tmp_path: Path) -> None:
    file = tmp_path / "retention.toml"
    file.write_text(SMALL)

    known = rules.load(Settings(retention_policy_file=file))

    assert known.source == str(file)
    events = known.of("events", "MergeTree")
    assert (events.hot, events.cold, events.archive, events.has_archive) == (90, 1000, None, True)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("cold = 1000", "cold = 50", r"\[raw\] cold ends at 50, before hot, which ends at 90"),
        ("cold = 1000", "cold = 700", r"\[raw\] ends at 700 days, but events up to METRICS_COLD_DAYS=730"),
        ("cold = 1000", "cold = 0", r"\[raw\] cold = 0: give days from 1"),
        ("cold = 1000", "cold = true", r"\[raw\] cold = True: give days"),
        ("cold = 1000", 'cold = "LATER"', r"cold = 'LATER': give days .* METRICS_RETENTION_DAYS, METRICS_COLD_DAYS"),
        ("cold = 1000", "cool = 1000", r"\[raw\] has unknown keys \['cool'\]"),
        ('hot = "ever"', "", r"\[rest\] has no `hot`"),
        ("default = true", "", "0 classes have `default = true`"),
        ("default = true", 'default = true\ntables = ["events"]', r"events is in \[raw\] and in \[rest\]"),
        ("[rest]", "[rest", "it is not TOML"),
        ("archive = ", "coarse = 3\narchive = ", r"\[raw.coarse\] has `after`, in days, and"),
    ],
)
def test_a_policy_that_cannot_be_is_refused(old: str, new: str, words: str, tmp_path: Path) -> None:
    file = tmp_path / "retention.toml"
    file.write_text(SMALL.replace(old, new))

    with pytest.raises(ConfigurationError, match=words) as refused:
        rules.load(Settings(retention_policy_file=file))

    assert str(file) in str(refused.value)
