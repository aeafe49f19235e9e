"""Histograms: SQL counts a value as Python does, percentiles are those of the values, and merging loses nothing."""

import doctest
import math
import random
import re
from collections import Counter
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from clickhouse import histogram, structure

STRUCTURE = Path(structure.__file__).with_name("structure.sql").read_text("utf-8")
ASKING = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
LEVELS = (0.01, 0.5, 0.95, 0.999)

powers = st.integers(0, 63).map(lambda n: 2**n)
halfway = st.builds(lambda n, m: 2**n * (2 * m + 1), st.integers(0, 24), st.integers(64, 127))
"""Values that lie between two of those that are told."""
hard = st.builds(lambda near, off: max(0, near + off), powers | halfway, st.integers(-1, 1))
values = st.integers(0, 2**20) | st.integers(0, 2**63) | hard
"""Those of a window of milliseconds, any at all, and those at which a formula could differ."""


PAIRS = "SELECT arrayJoin(arrayZip({places:Array(UInt8)}, {given:Array(UInt64)})) AS pair"
COUNTED = (
    f"SELECT pair.1 AS place, {histogram.cut_sql('pair.2')} AS cut, {histogram.width_sql('cut')} AS width, "
    f"{histogram.counted_sql('cut', 'width')} AS one FROM ({PAIRS})"
)
"""Each value as the views count it, and the part that it is in."""
PARTS = f"SELECT sumMap(one) AS part FROM ({COUNTED}) GROUP BY place"


def test_examples_are_true() -> None:
    failed, tried = doctest.testmod(histogram)
    assert tried
    assert not failed


@ASKING
@given(st.lists(values, min_size=1, max_size=200))
@example([2**n + off for n in range(64) for off in (-1, 0, 1) if 2**n + off >= 0])
@example([*range(4200)])
def test_sql_counts_a_value_as_python_does(server: Client, given: list[int]) -> None:
    asked = {"given": given, "places": [0] * len(given)}

    found = [row[0] for row in server.query(f"SELECT one FROM ({COUNTED})", parameters=asked).result_rows]

    assert found == [{histogram.rounded(value): 1} for value in given]


@given(values)
def test_a_value_is_counted_as_one_close_to_it(value: int) -> None:
    told = histogram.rounded(value)

    cut = min(value, histogram.MOST)
    assert abs(told - cut) <= histogram.ERROR * cut
    assert told == value or value > 2**histogram.DIGITS
    assert histogram.rounded(told) == told
    assert told <= histogram.rounded(value + 1)


@ASKING
@given(st.lists(st.integers(0, 2**31) | st.integers(0, 300), max_size=200), st.randoms(use_true_random=False))
@example([], random.Random(1))
@example([7], random.Random(1))
@example([*range(100)], random.Random(1))
def test_a_percentile_of_merged_parts_is_that_of_the_values(
    server: Client, given: list[int], dice: random.Random
) -> None:
    """The one of the same rank, off by no more than is stated; however the values are split, and in any order."""
    percentiles = ", ".join(histogram.quantile_sql(level, "part") for level in LEVELS)
    answers = []
    for _ in range(2):
        asked = {"given": dice.sample(given, len(given)), "places": [dice.randrange(8) for _ in given]}
        [answer] = server.query(f"SELECT sumMap(part), {percentiles} FROM ({PARTS})", parameters=asked).result_rows
        answers.append(answer)

    assert answers[0] == answers[1]
    merged, *told = answers[0]
    assert merged == Counter(map(histogram.rounded, given))
    for found, level in zip(told, LEVELS, strict=True):
        value = sorted(given)[math.floor(level * len(given))] if given else None
        assert found == (value if value is None else histogram.rounded(value))
        assert value is None or abs(found - value) <= histogram.ERROR * value


def test_the_rank_is_that_of_the_exact_percentile(server: Client) -> None:
    """Of small numbers, which a histogram holds as they are, ClickHouse's own function tells the same one."""
    for count in (1, 2, 19, 20, 21, 100):
        for level in LEVELS:
            sql = (
                f"SELECT {histogram.quantile_sql(level, 'one')}, quantileExact({level})(number) "
                "FROM (SELECT number, map(toUInt32(number), toUInt64(1)) AS one FROM numbers({count:UInt8}))"
            )
            [(told, exact)] = server.query(sql, parameters={"count": count}).result_rows
            assert told == exact, (count, level)


@pytest.mark.parametrize(
    ("view", "column", "value", "cut"),
    [
        ("daily_trips_mv", "duration", "block.duration_s", "seconds"),
        ("hourly_payments_mv", "processing", "passed", "milliseconds"),
    ],
)
def test_the_views_count_by_the_declared_formula(view: str, column: str, value: str, cut: str) -> None:
    """A migration never changes: a formula declared anew needs a new one."""
    [sql] = re.findall(rf"CREATE MATERIALIZED VIEW \S+\.{view} .*?;", STRUCTURE, re.DOTALL)
    shown = " ".join(sql.split())

    assert f"{histogram.cut_sql(value)} AS {cut}" in shown
    assert f"{histogram.width_sql(cut)} AS width" in shown
    assert re.search(rf"sumMapIf\({re.escape(histogram.counted_sql(cut, 'width'))}, [^)]*\) AS {column}\b", shown)


def test_every_map_of_a_rollup_is_a_histogram() -> None:
    kinds = set(re.findall(r"`\w+` (SimpleAggregateFunction\(sumMap.*\)),?$", STRUCTURE, re.MULTILINE))

    assert kinds == {histogram.KIND}
