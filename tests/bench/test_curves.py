"""Curves: a run goes on where it stopped, what is drawn is what was measured, and each declaration can be measured."""

import doctest
import os
import random
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

from bench import performance_page, query, spent, store_page
from bench.curves import declared, pictures, stages, stores, svg, viewers, workers
from bench.curves.__main__ import Run, table
from bench.curves.curve import SIZES, Curve, Figures, Plot, Size, chosen, figure
from bench.curves.journal import Journal
from bench.sizing import GROUP_USE, Costs, plan
from bench.stages import STAGES
from clickhouse.metrics import catalogue
from streams import codec
from streams.codec import Refusal
from streams.errors import ConfigurationError
from tests.support.tools import need

HERE = {"cores": 2, "memory_gigabytes": 8.0, "processor": "some", "python": "3.11.7"}
COSTS = Costs(
    worker_us=12.0,
    worker_megabytes=800.0,
    insert_seconds=0.4,
    row_us=16.0,
    rows=0.8,
    event_bytes=425.0,
    disk_bytes=80.0,
    batch_rows=50_000,
    batch_seconds=0.8,
    token_seconds=0.0125,
)
Asked = list[tuple[float, Size]]


def curve(asked: Asked, name: str = "squares", broken: float | None = None) -> Curve:
    """A curve of squares that notes what it was asked for, and cannot measure one value."""

    def measure(value: float, size: Size) -> Figures:
        asked.append((value, size))
        if value == broken:
            raise TimeoutError("too slow")
        return {"square": value * value, "parts": {"half": value / 2}, "seen": value + 1}

    plots = (Plot("Squares", "m2", {"square": "square"}), Plot("Parts", "m", {"parts/half": "half", "none": "none"}))
    return Curve(
        name,
        "metres",
        {"small": (1, 2), "full": (1, 2, 40)},
        measure,
        plots,
        {"small": 1.0, "full": 2.0},
        "Drawn by hand.",
        measured="seen",
    )


def test_a_run_goes_on_where_the_last_one_stopped(tmp_path: Path) -> None:
    path, asked = tmp_path / "results" / "curves.jsonl", Asked()
    run = Run(Journal(path, HERE), "full")
    run.measure([curve(asked, broken=2)])
    assert asked == [(1, "full"), (2, "full"), (40, "full")]
    assert run.failed == ["squares at 2: TimeoutError('too slow')"]

    asked.clear()
    Run(Journal(path, HERE), "full").measure([curve(asked), curve(asked, "other")])
    assert asked == [(2, "full"), (1, "full"), (2, "full"), (40, "full")]

    asked.clear()
    Run(Journal(path, HERE), "full").measure([curve(asked)])
    assert not asked
    Run(Journal(path, HERE | {"cores": 4}), "full").measure([curve(asked)])
    Run(Journal(path, HERE), "small").measure([curve(asked)])
    assert asked == [(1, "full"), (2, "full"), (40, "full"), (1, "small"), (2, "small")]


def test_anew_forgets_one_size_of_the_chosen_curves_alone(tmp_path: Path) -> None:
    path, asked = tmp_path / "curves.jsonl", Asked()
    first, other = curve(asked), curve(asked, "other")
    for size in SIZES:
        Run(Journal(path, HERE), size).measure([first, other])
    journal = Journal(path, HERE)
    journal.forget([first], "full")
    for kept in (journal, Journal(path, HERE)):
        assert not kept.has(first, "full", 1)
        assert kept.has(first, "small", 1)
        assert kept.has(other, "full", 40)
    assert [point.size for point in journal.shown(first)] == ["small", "small"]
    assert [point.value for point in journal.shown(other)] == [1, 2, 40]


def test_what_is_shown_is_of_one_machine_and_a_broken_line_is_named(tmp_path: Path) -> None:
    path, squares = tmp_path / "curves.jsonl", curve([])
    Journal(path, HERE).add(squares, "small", 1, {"square": 1}, 5.0)
    there = Journal(path, HERE | {"processor": "other"})
    there.add(squares, "small", 2, {"square": 4}, 7.0)
    assert [point.value for point in there.shown(squares)] == [2]
    assert there.typical_seconds(squares, "small") == 7.0
    assert there.typical_seconds(squares, "full") == 2.0
    path.write_text(path.read_text() + "{}\n")
    with pytest.raises(ConfigurationError, match=r"curves\.jsonl:3 is no point of a curve: .*; remove the line"):
        Journal(path, HERE)


def test_a_curve_is_drawn_and_told_by_what_was_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal, squares = Journal(tmp_path / "curves.jsonl", HERE), curve([])
    monkeypatch.setattr(performance_page, "CURVES", (squares,))
    assert "Not measured yet: `make bench-curves ARGS='--only squares'`" in performance_page.curves(journal)
    Run(journal, "full").measure([squares])
    (first, *_), (second, _, halves) = pictures.of_curve(squares, journal)
    assert (first, second) == ("curve-squares-1.svg", "curve-squares-2.svg")
    assert [(line.name, line.points) for line in halves] == [("half", [(2, 0.5), (3, 1), (41, 20)]), ("none", [])]
    text = performance_page.curves(journal)
    assert "![Squares, m2, by metres](images/curve-squares-1.svg)" in text
    assert "| 41 | 1,600 | 20 |  |" in text
    assert "Full points: 2 cores of some" in text
    assert table([squares], journal).row_count == 3


@pytest.mark.parametrize("xs", [(1.0, 2.0, 1e6), (0.0, 0.1, 0.2), (5.0,)])
def test_a_picture_is_a_file_of_its_own_for_light_and_dark(xs: tuple[float, ...]) -> None:
    lines = [svg.Line(name, [(x, x * 2) for x in xs]) for name in ("a < b", "other")]
    text = svg.picture("Title & more", "metres", "seconds", lines)
    root = ElementTree.fromstring(text)
    assert root.attrib["aria-label"] == "Title & more"
    dots = [each for each in root.iter() if each.tag.endswith("circle")]
    places = [float(dot.attrib["cx"]) for dot in dots[: len(xs)]]
    assert places == sorted(set(places))
    assert all(svg.LEFT < place < svg.WIDTH - svg.RIGHT for place in places)
    assert "prefers-color-scheme:dark" in text
    with pytest.raises(ValueError, match=r"Title: 0 lines over 0 values cannot be drawn; 1 to 6 can"):
        svg.picture("Title", "metres", "seconds", [])


def test_pictures_are_those_of_the_results() -> None:
    made = pictures.drawn(pictures.read())
    there = {path.name: path.read_text() for path in pictures.IMAGES.glob("curve-*.svg")}
    assert there == made, "pictures are out of date; run `make bench-curves ARGS=--draw`"


@pytest.mark.parametrize("module", [svg, store_page], ids=lambda module: module.__name__)
def test_examples_are_true(module: Any) -> None:
    failed, tried = doctest.testmod(module)
    assert tried
    assert not failed


@pytest.mark.parametrize("each", declared.CURVES, ids=lambda each: each.name)
def test_declaration_is_whole(each: Curve) -> None:
    for size in SIZES:
        points = each.points[size]
        assert len(points) > 1
        assert list(points) == sorted(set(points)), "points stand along the axis"
        assert each.seconds[size] > 0
    assert sum(map(len, (plot.figures for plot in each.plots))) > 0
    assert all(len(plot.figures) <= len(svg.COLOURS) for plot in each.plots)
    assert each.doc.endswith(".")


def test_all_curves_fit_into_ninety_minutes() -> None:
    seconds = {size: sum(len(c.points[size]) * c.seconds[size] for c in declared.CURVES) for size in SIZES}
    assert seconds["full"] <= 90 * 60
    assert seconds["small"] <= 20 * 60
    names = [each.name for each in declared.CURVES]
    assert len(set(names)) == len(names)
    assert [each.name for each in chosen(declared.CURVES, ["load", "stages"])] == ["stages", "load"]


def test_stages_are_measured_by_batch() -> None:
    found = stages.batch(500, "small")
    plotted = list(declared.CURVES[0].plots[0].figures)
    assert all((figure(found, name) or 0) > 0 for name in plotted)
    assert found["all"] > max(found["stages"].values())


def test_a_share_of_the_events_is_refused_and_no_other() -> None:
    made = workers.mixed(0.1, 1_000)
    by_topic: dict[str, list[bytes]] = {}
    for topic, _, value in made:
        by_topic.setdefault(topic, []).append(value)
    events = [event for topic, values in by_topic.items() for event in codec.decode_values(values, topic)]
    refused = [event for event in events if isinstance(event, Refusal)]
    assert len(events) == 1_000
    # Of 21 faults two are in the event's time, which is not the decoder's to judge.
    assert 75 <= len(refused) <= 100
    assert not [event for event in refused if event.event_id and not event.event_id.startswith("bad-")]


def test_settings_of_a_point_end_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BATCH_ROWS", "7")
    monkeypatch.delenv("KAFKA_PARTITIONS", raising=False)
    with workers.environment(BATCH_ROWS=10, KAFKA_PARTITIONS=4):
        assert (os.environ["BATCH_ROWS"], os.environ["KAFKA_PARTITIONS"]) == ("10", "4")
    assert os.environ["BATCH_ROWS"] == "7"
    assert "KAFKA_PARTITIONS" not in os.environ


def test_a_store_that_is_kept_whole_is_not_filled_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(stores.STORES, str(tmp_path))
    home = tmp_path / "5"
    home.mkdir()
    (home / stores.FULL).touch()
    with stores.store(5) as found:
        assert found == home
    assert [each.name for each in home.iterdir()] == [stores.FULL]


def test_a_board_asks_every_group_once() -> None:
    assert len(viewers.panels()) == len(catalogue.GROUPS)


def test_growth_is_told_as_a_power_of_the_rows(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "curves.jsonl", HERE)
    [rows] = chosen(declared.CURVES, ["rows"])
    names, dice = list(query.questions()), random.Random(1)
    for count, times in ((1_000_000, 1.0), (16_000_000, 4.0)):
        asked = dict.fromkeys(names, 10.0 * times) | {names[0]: 5.0 * times * times}
        figures = {"rows": count, "questions": asked, "median_ms": dice.random(), "p95_ms": 1, "slowest_p95_ms": 2}
        journal.add(rows, "full", count, figures, 1.0)
    first, last = journal.shown(rows)
    said = performance_page.growth(first, last)
    assert "For 16 times the rows the middle question takes 4.0 times as long (power 0.50" in said
    assert f"| `{names[0]}` | 5 | 80 | 1.00 |" in said


def test_what_a_steady_worker_spends_is_taken_apart(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "curves.jsonl", HERE)
    assert "Not measured yet: `make bench-curves ARGS='--only load stages'`" in spent.spent(journal)
    load, parts = (next(chosen(declared.CURVES, [name])) for name in ("load", "stages"))
    # 30 ms a second and 20 us an event; what a full core does at more says nothing of it.
    for rate, share in ((1_000, 0.05), (5_000, 0.13), (10_000, 0.23), (50_000, 0.9)):
        seen = {"steady_cpu_share": share, "steady_events_per_second": rate}
        journal.add(load, "full", rate, seen, 1.0)
    for rows, each in ((500, 9.0), (spent.BATCH, 2.0)):
        journal.add(parts, "full", rows, {"stages": dict.fromkeys(STAGES, each)}, 1.0)
    said = spent.spent(journal)
    elsewhere = Journal(journal.path, HERE | {"processor": "another"})
    for sent in (5_000, spent.RATE):
        elsewhere.add(load, "full", sent, seen, 1.0)
    assert "Not measured yet" in spent.spent(elsewhere)  # stages of one machine say nothing of loads of another
    assert "| all that the process takes | 23.0 | 23% |" in said
    assert "| stage render | 2.0 | 2% |" in said
    assert "| everything else | 13.0 | 13% |" in said
    assert "30 ms a second whatever comes, and 20.0 us an event" in said


def test_a_plan_grows_with_the_rate_and_is_cut_into_cells() -> None:
    small, large, huge = plan(1_000.0, COSTS), plan(1_000_000.0, COSTS), plan(100_000_000.0, COSTS)
    assert (small.workers, small.partitions, small.cells, small.store_shards) == (1, 2, 1, 1)
    assert large.workers == 20
    assert large.partitions == 40
    # 25,000 events of a shard make 20,000 rows a second, and so 16,000 in 0.8 s; 50 such batches at 0.4 s, 16 us a row.
    assert large.batch_rows == pytest.approx(16_000)
    assert large.store_cores == pytest.approx(50 * 0.4 + 800_000 * 16e-6)
    assert large.store_shards == 3
    assert COSTS.group == pytest.approx(5_000_000)
    cell = COSTS.group * GROUP_USE
    assert huge.cells == 40
    assert huge.workers == huge.cells * plan(cell, COSTS).workers
    assert (plan(cell, COSTS).partitions, plan(cell, COSTS).batch_seconds) == (100, 1.25)
    assert plan(cell, COSTS).batch_rows == pytest.approx(25_000)
    assert plan(1_000_000.0, COSTS).brokers == 13


@pytest.mark.faults
@pytest.mark.timeout(900)
@pytest.mark.parametrize("each", declared.CURVES, ids=lambda each: each.name)
def test_point_gives_every_figure_that_is_drawn(each: Curve, monkeypatch: pytest.MonkeyPatch) -> None:
    need("kafka")
    monkeypatch.setitem(workers.EVENTS, "small", 20_000)
    monkeypatch.setitem(workers.STEADY, "small", 5)
    monkeypatch.setitem(viewers.SECONDS, "small", 10)
    found = each.measure(min(each.points["small"][-1], 50_000), "small")
    wanted = [name for plot in each.plots for name in plot.figures] + [each.measured] * bool(each.measured)
    assert [name for name in wanted if figure(found, name) is None] == []
