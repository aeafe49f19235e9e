"""Exports that are made as jobs: ordered, made, fetched in parts, cancelled, expired; and makers that die."""

import asyncio
import csv
import io
import json
import os
import signal
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from api.exports.models import ExportJobs
from api.exports.shelf import Folder
from api.ingest.schema import ProblemDetails
from api.problems import MEDIA_TYPE
from clickhouse.analytics.kinds import KINDS
from deploy.local.worker import environment
from metadata.exports import GIVEN_UP, Exports
from metadata.keys import Scope
from metadata.leases import Leases
from metadata.schedule.jobs import LEASE
from metadata.schedule.runs import Runs
from streams.errors import SinkUnavailable
from tests.support.forked import Forked
from tests.support.live import cut_off
from tests.support.metric_world import World
from tests.support.ordering import Ordering
from tests.support.posting import new_key
from tests.support.waiting import eventually

DAY = timedelta(days=1)


async def test_an_export_is_ordered_made_and_fetched(ordering: Ordering, metric_world: World) -> None:
    ordered = await ordering.order(table="booking_events", column=["event_type", "amount"])
    assert (ordered["state"], ordered["file"], ordered["rows"]) == ("waiting", None, None)
    assert (await ordering.fetch(f"/v1/exports/{ordered['id']}/file"))[0] == 409
    assert [run.job for run in await Runs(ordering.engine, ordering.settings).newest(None, 10)] == ["exports"]

    assert "1 made" in await ordering.make()
    done = await ordering.state(ordered["id"])
    status, body = await ordering.fetch(done["file"])

    rows = list(csv.DictReader(io.StringIO(body.decode())))
    own = [row for row in metric_world.rows if row["topic"] == "rides.booking"]
    assert (status, len(rows), done["state"], done["progress"]) == (200, len(own), "done", 1.0)
    assert (done["rows"], done["rows_expected"], done["bytes"]) == (len(own), len(own), len(body))
    assert await ordering.fetch(done["file"], "bytes=5-14") == (206, body[5:15])
    assert (await ordering.fetch(done["file"], f"bytes={len(body)}-"))[0] == 416
    assert await ordering.outcomes() == [("export", "done"), *[("export.download", "done")] * 3]
    listed = (await ordering.asking.get("/v1/exports")).content
    ExportJobs.model_validate(listed)
    assert listed["exports"] == [done]


async def test_a_part_that_there_is_not_is_a_problem(ordering: Ordering) -> None:
    number = (await ordering.order(table="user_events"))["id"]
    await ordering.make()
    done = await ordering.state(number)

    for part in (f"bytes={done['bytes']}-", "bytes=9-3", "bytes=", "bytes=a-b", "lines=1-2", "all of it"):
        found = await ordering.asking.get(done["file"], headers={"Range": part})
        problem = ProblemDetails.model_validate(found.content)
        assert (found.status, problem.code) == (416, "range_not_satisfiable"), part
        assert found.headers["Content-Type"] == MEDIA_TYPE
        assert found.headers["Content-Range"] == f"bytes */{done['bytes']}"
        assert part in problem.detail
    # The file has changed since the reader had its first part: it is sent whole.
    headers = {"Authorization": f"Bearer {ordering.asking.key}", "Range": "bytes=9-3", "If-Range": '"another"'}
    async with ordering.asking.http.get(ordering.asking.url + done["file"], headers=headers) as other:
        assert (other.status, len(await other.read())) == (200, done["bytes"])


async def test_metrics_are_ordered_with_the_words_of_their_address(ordering: Ordering) -> None:
    words = {"metrics": "payments", "metric": ["net_revenue"], "granularity": "day", "by": ["method"], "format": "json"}
    ordered = await ordering.order(**words)
    await ordering.make()

    at_once = await ordering.fetch(
        f"/v1/export/metrics/payments?metric=net_revenue&granularity=day&by=method&format=json&from={ordered['asked']['from']}"
        f"&to={ordered['asked']['to']}".replace("+", "%2B")
    )
    assert await ordering.fetch(f"/v1/exports/{ordered['id']}/file") == at_once
    assert at_once[0] == 200


QUESTIONS: dict[str, dict[str, Any]] = {
    "funnels": {"steps": ["event.viewed", "checkout.started"], "by": "device_type", "times": True},
    "retention": {"start": "page.viewed", "periods": 2, "zone": "America/New_York"},
    "cohorts": {"start": "page.viewed", "doing": "ticket.purchased", "sum": "amount", "periods": 2},
    "paths": {"anchor": "event.searched"},
}


async def test_a_question_with_ids_of_people_needs_their_scope(ordering: Ordering) -> None:
    asked = {"domain": "rides", "steps": ["trip.started", "trip.completed"], "by": "driver_id"}
    order = {"analytics": "funnels", "question": asked | ordering.order_of}
    people = await new_key(ordering.settings, [Scope.METRICS_READ, Scope.PEOPLE_READ])

    refused, given = [await ordering.asking.post("/v1/exports", order, key) for key in (None, people)]

    assert (refused.status, given.status) == (403, 202)
    assert "people:read" in refused.headers["WWW-Authenticate"]


def answered(name: str, answer: dict[str, Any]) -> list[list[Any]]:
    """What an answer at once says, as the rows of a file say it."""
    if name == "paths":
        return [[" > ".join(path["events"]), path["people"]] for path in answer["paths"]]
    if name == "funnels":
        steps = [(group, step) for group in answer["groups"] for step in group["steps"]]
        return [[each["key"]["device_type"], s["step"], s["people"], s["seconds"]["p50"]] for each, s in steps]
    periods = [(cohort, period) for cohort in answer["cohorts"] for period in cohort["periods"]]
    return [[c["start"], c["people"], p["end"], p["people"], json.dumps(p.get("sums"))] for c, p in periods]


def shown(name: str, row: dict[str, Any]) -> list[Any]:
    """The same of a row of the file."""
    if name == "paths":
        return [row["path"], row["people"]]
    if name == "funnels":
        return [row[each] for each in ("device_type", "step", "people", "seconds_p50")]
    sums = json.dumps(json.loads(row["sums"]) if "sums" in row else None)
    moments = [datetime.fromisoformat(row[each]) for each in ("cohort_start", "end")]
    return [moments[0], row["cohort_people"], moments[1], row["people"], sums]


@pytest.mark.parametrize("name", [*KINDS])
async def test_a_question_of_product_analytics_is_answered_as_a_job(name: str, ordering: Ordering) -> None:
    asked = {"domain": "ticketing", **ordering.order_of, **QUESTIONS[name]}
    at_once = (await ordering.asking.post(f"/v1/analytics/{name}", asked)).content
    found = await ordering.asking.post("/v1/exports", {"analytics": name, "question": asked, "format": "ndjson"})
    assert found.status == 202, found.content
    assert "1 made" in await ordering.make()

    done = await ordering.state(found.content["id"])
    status, body = await ordering.fetch(done["file"])
    wanted = answered(name, at_once)
    if name in ("retention", "cohorts"):
        wanted = [[datetime.fromisoformat(s), n, datetime.fromisoformat(e), *rest] for s, n, e, *rest in wanted]
    rows = [json.loads(line) for line in body.splitlines()]
    assert (status, done["rows"]) == (200, len(rows))
    assert wanted
    assert [shown(name, row) for row in rows] == wanted
    # What is kept of the order asks the same again: its times do not move.
    assert done["asked"]["question"]["from"] == datetime.fromisoformat(asked["from"]).astimezone(UTC).isoformat()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ({"analytics": "funnel", "question": {}}, "funnels"),
        ({"analytics": "funnels"}, "JSON"),
        ({"analytics": "funnels", "question": {"domain": "ticketing", "steps": ["event.viewd"]}}, "event.viewed"),
        ({"analytics": "funnels", "question": {}, "from": "7d"}, "question"),
        ({"analytics": "funnels", "question": {}, "table": "events"}, "analytics"),
        ({"analytics": ["funnels"], "question": {}}, "text"),
    ],
)
async def test_a_question_that_does_not_fit_is_not_ordered(words: Any, told: str, ordering: Ordering) -> None:
    found = await ordering.asking.post("/v1/exports", words)

    assert found.status == 400, found.content
    assert told in str(found.content)


async def test_a_key_orders_answers_of_its_domains(ordering: Ordering) -> None:
    rides = await new_key(ordering.settings, [Scope.METRICS_READ], ["rides"])
    asked = {"domain": "ticketing", **ordering.order_of, **QUESTIONS["paths"]}

    found = await ordering.asking.post("/v1/exports", {"analytics": "paths", "question": asked}, rides)
    assert found.status == 403


async def test_what_is_cancelled_is_not_made_or_goes(ordering: Ordering) -> None:
    first, second = [(await ordering.order(table="user_events"))["id"] for _ in range(2)]
    assert (await ordering.delete(first)).content["state"] == "cancelled"
    await ordering.make()
    assert [(await ordering.state(each))["state"] for each in (first, second)] == ["cancelled", "done"]
    assert len(ordering.files) == 1

    await ordering.delete(second)
    assert (await ordering.fetch(f"/v1/exports/{second}/file"))[0] == 410
    await ordering.make()
    assert ((await ordering.state(second))["state"], ordering.files) == ("expired", [])
    assert [each for each in await ordering.outcomes() if each[0] == "export"] == [
        ("export", "cancelled"),
        ("export", "done"),
    ]


async def test_what_is_cancelled_while_it_gets_its_name_leaves_nothing(
    ordering: Ordering, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go, give_name = threading.Event(), threading.Event(), Folder.give_name

    def slowly(self: Folder, name: str, file: BinaryIO) -> None:
        begun.set()
        assert go.wait(60)
        give_name(self, name, file)

    monkeypatch.setattr(Folder, "give_name", slowly)
    monkeypatch.setattr("api.exports.maker.LEASE_SECONDS", 0.4)  # so that the maker asks soon whether it is wanted
    number = (await ordering.order(table="user_events"))["id"]
    making = asyncio.create_task(ordering.make())
    assert await asyncio.to_thread(begun.wait, 60)
    assert (await ordering.delete(number)).content["state"] == "cancelled"
    go.set()

    assert "0 made, 0 failed" in await making
    assert (await ordering.state(number))["state"] == "cancelled"
    assert ordering.files == []


async def test_a_file_expires_and_strays_go(ordering: Ordering) -> None:
    number = (await ordering.order(table="user_events"))["id"]
    await ordering.make()
    for name in ("export-9-abc.csv", "export-9-abc.csv.part", "a friend's file"):
        (ordering.folder / name).touch()
    await ordering.make()
    assert len(ordering.files) == 2

    ordering.late = 7 * DAY
    await ordering.make()
    assert ordering.files == ["a friend's file"]
    assert (await ordering.fetch(f"/v1/exports/{number}/file"))[0] == 410


async def test_an_export_that_cannot_be_made_says_why(ordering: Ordering) -> None:
    number = (await ordering.order(table="events"))["id"]
    assert "1 failed" in await ordering.make(export_job_rows=10)
    found = await ordering.state(number)
    assert found["state"] == "failed"
    assert "EXPORT_JOB_ROWS=10 rows" in found["error"]

    again = (await ordering.order(table="events"))["id"]
    away = {"clickhouse_url": "http://127.0.0.1:1"}
    for attempt in (1, 2):
        with pytest.raises(SinkUnavailable, match="1 to be tried again"):
            await ordering.make(**away)
        assert [(await ordering.state(again))[name] for name in ("state", "attempt")] == ["waiting", attempt]
    assert "1 failed" in await ordering.make(**away)
    assert (await ordering.state(again))["state"] == "failed"
    assert ordering.files == []
    assert await ordering.outcomes() == [("export", "failed")] * 2


async def test_a_maker_that_is_killed_leaves_no_file_and_the_export_is_made_anew(
    ordering: Ordering, tmp_path: Path
) -> None:
    number = (await ordering.order(table="events"))["id"]
    assert ordering.settings.clickhouse_url
    with cut_off(ordering.settings.clickhouse_url) as (url, proxy):
        settings = ordering.settings.model_copy(update={"clickhouse_url": url})
        own = environment(settings) | {"EXPORT_DIR": str(ordering.settings.export_dir)}
        proxy.do(lambda made: made.passes.clear())
        words, constants = ("millrace", "export", "run"), {"api.exports.maker.LEASE_SECONDS": 2.0}
        process = Forked(words, own, tmp_path / "out", constants=constants)
        process.start()

        async def begun() -> bool:
            return any(name.endswith(".part") for name in ordering.files)

        await eventually("an attempt to begin", begun)
        assert await ordering.make() == "another process is making exports"
        os.kill(process.pid, signal.SIGKILL)
        await asyncio.to_thread(process.wait, 10)
    (part,) = ordering.files
    assert part.endswith(".part")
    assert [(await ordering.state(number))[name] for name in ("state", "file")] == ["running", None]

    await eventually("the lease to end", lambda: _free(ordering))
    assert "1 made, 0 failed" in await ordering.make()
    found = await ordering.state(number)
    assert (found["state"], found["attempt"], len(ordering.files)) == ("done", 2, 1)
    assert part not in ordering.files


async def test_what_kills_every_maker_has_failed(ordering: Ordering) -> None:
    number = (await ordering.order(table="events"))["id"]
    kept = Exports(ordering.engine, ordering.settings)
    for attempt in (1, 2, 3):
        taken = await kept.take(datetime.now(UTC))
        assert taken is not None
        assert (taken.id, taken.attempt) == (number, attempt)
        await kept.take_back(datetime.now(UTC))
        # One that slept meanwhile changes nothing any more.
        assert not await kept.tell(taken, 1, 1, None)
        assert not await kept.done(taken, "export-x", 1, 1, datetime.now(UTC), datetime.now(UTC) + DAY)
    assert "0 made, 0 failed" in await ordering.make()
    found = await ordering.state(number)
    assert (found["state"], found["error"]) == ("failed", GIVEN_UP)
    assert await ordering.outcomes() == [("export", "failed")]


async def _free(ordering: Ordering) -> bool:
    return await Leases(ordering.engine, ordering.settings).holder("exports") is None


async def test_a_key_sees_its_own_alone(ordering: Ordering) -> None:
    number = (await ordering.order(table="user_events"))["id"]
    await ordering.make()
    other = await new_key(ordering.settings, [Scope.METRICS_READ, Scope.ROWS_READ])
    reading = await new_key(ordering.settings, [Scope.METRICS_READ])

    for path in (f"/v1/exports/{number}", f"/v1/exports/{number}/file", "/v1/exports/x", "/v1/exports/99"):
        assert (await ordering.asking.get(path, other)).status == 404
        assert (await ordering.asking.get(path, "")).status == 401
    assert (await ordering.asking.get("/v1/exports", other)).content == {"exports": []}
    words = ordering.order_of | {"table": "user_events"}
    assert (await ordering.asking.post("/v1/exports", words, reading)).status == 403
    people = words | {"column": ["user_id"]}
    assert "people:read" in (await ordering.asking.post("/v1/exports", people)).content["detail"]


NO_ORDERS: list[tuple[Any, str]] = [
    (b"{", "bad_order"),
    (b"[" * 5000, "bad_order"),
    ([], "bad_order"),
    ({}, "bad_order"),
    ({"table": "events", "metrics": "sales"}, "bad_order"),
    ({"table": 7}, "bad_order"),
    ({"table": []}, "unknown_table"),
    ({"metrics": "weather"}, "unknown_group"),
    ({"table": "events", "column": ["fare"]}, "unknown_column"),
    ({"table": "events", "columns": ["title"]}, "unknown_parameter"),
    ({"table": "events", "from": "soon"}, "bad_time"),
]


async def test_what_is_no_order_is_a_problem(ordering: Ordering) -> None:
    for words, code in NO_ORDERS:
        found = await ordering.asking.post("/v1/exports", words)
        assert (found.status, found.content["code"]) == (400, code)


async def test_nobody_takes_orders_that_nobody_would_make(ordering: Ordering) -> None:
    await Leases(ordering.engine, ordering.settings).let_go(LEASE, "a scheduler")
    found = await ordering.asking.post("/v1/exports", ordering.order_of | {"table": "user_events"})

    assert (found.status, found.content["code"]) == (503, "no_scheduler")
    assert await ordering.outcomes() == []
