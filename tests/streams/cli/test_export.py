"""`millrace export`: whole files under their names, refusals with a way out, and an entry of the audit."""

import csv
import json
from pathlib import Path

import pyarrow.parquet
import pytest

from streams.errors import ConfigurationError, MetadataUnavailable, SinkUnavailable
from streams.settings import Settings
from tests.support.buckets import Bucket
from tests.support.invoked import answer, call
from tests.support.metric_world import World

SPAN = ("--from", "2001-01-01", "--to", "2099-01-01")


@pytest.fixture(autouse=True)
def place(metric_world: World, metadata_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    settings = metric_world.settings
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MILLRACE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DATABASE_URL", metadata_url)
    monkeypatch.setenv("CLICKHOUSE_URL", settings.clickhouse_url or "")
    monkeypatch.setenv("CLICKHOUSE_DATABASE", settings.clickhouse_database)
    return settings


def test_tables_and_metrics_are_written_and_recorded(tmp_path: Path, metric_world: World) -> None:
    made = answer("export", "table", "user_events", *SPAN, "--column", "user_id", "--column", "city", "--out", "a.csv")
    rows = list(csv.DictReader((tmp_path / "a.csv").read_text().splitlines()))
    own = [row["user_id"] for row in metric_world.rows if row["topic"] == "rides.user"]
    assert sorted(row["user_id"] for row in rows) == sorted(own)
    assert made == {"file": "a.csv", "rows": len(own), "bytes": (tmp_path / "a.csv").stat().st_size}

    words = ("--metric", "net_revenue", "--by", "method", "--granularity", "day", "--compare", "--format", "json")
    begin, end = metric_world.begin, metric_world.end
    told = call("export", "metrics", "payments", "--from", begin.isoformat(), "--to", end.isoformat(), *words).output
    name = f"payments-{begin:%Y%m%dT%H%M}-{end:%Y%m%dT%H%M}.json"
    document = json.loads((tmp_path / name).read_text())
    assert told.startswith(f"{name}: {document['count']} rows")
    assert {row["unit"] for row in document["rows"]} == {"money"}

    metrics, table = answer("audit", "list")
    assert (table["action"], table["subject"], table["outcome"]) == ("export", "user_events", "done")
    assert table["figures"]["rows"] == len(own)
    assert (metrics["subject"], metrics["parameters"]["metrics"]) == ("payments", ["rides.net_revenue"])


def test_an_answer_of_product_analytics_is_written(tmp_path: Path, metric_world: World) -> None:
    asked = {"domain": "ticketing", "from": metric_world.begin.isoformat(), "to": metric_world.end.isoformat()}
    (tmp_path / "asked.json").write_text(json.dumps(asked | {"steps": ["page.viewed", "ticket.purchased"]}))

    made = answer("export", "analytics", "funnels", "asked.json", "--out", "funnel.csv")
    rows = list(csv.DictReader((tmp_path / "funnel.csv").read_text().splitlines()))
    (group,) = json.loads(call("analytics", "ask", "funnels", "asked.json").stdout)["groups"]
    assert made["rows"] == len(rows) == 2
    assert [(row["event"], int(row["people"])) for row in rows] == [
        (step["event"], step["people"]) for step in group["steps"]
    ]
    told = answer("audit", "list")[0]
    assert (told["subject"], told["outcome"], told["parameters"]["domain"]) == ("funnels", "done", "ticketing")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("analytics", "funnel"), "There are funnels"),
        (("analytics", "funnels", "nowhere.json"), "nowhere.json: No such file"),
        (("table", "user_event"), "Did you mean user_events"),
        (("table", "user_events", "--column", "fare"), "There are event_type"),
        (("metrics", "payment"), "Did you mean payments"),
        (("metrics", "payments"), "Name metrics of one kind"),
        (("table", "user_events", "--from", "soon"), "is no time"),
    ],
)
def test_what_is_wrong_is_said(words: tuple[str, ...], says: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=says):
        call("export", *words)
    assert [*tmp_path.iterdir()] == []


@pytest.mark.faults
def test_an_export_goes_to_an_object_store(bucket: Bucket, tmp_path: Path) -> None:
    words = ("--column", "occurred_at", "--column", "city", "--format", "parquet")
    out = bucket.server.url(f"{bucket.name}/kept/users.parquet")
    made = answer("export", "table", "user_events", *SPAN, *words, "--out", out)

    assert bucket.names() == ["kept/users.parquet"]
    assert made["file"] == f"s3://{bucket.name}/kept/users.parquet"
    table = pyarrow.parquet.read_table(bucket.folder / "kept/users.parquet")
    assert (table.num_rows, table.column_names) == (made["rows"], ["occurred_at", "city"])
    assert made["rows"] > 0

    with pytest.raises(ConfigurationError, match="end it with the name of a file"):
        call("export", "table", "user_events", *SPAN, "--out", bucket.server.url(f"{bucket.name}/kept/"))
    with pytest.raises(SinkUnavailable, match="--out: s3://no-such-bucket/kept cannot be read or written"):
        call("export", "table", "user_events", *SPAN, "--out", bucket.server.url("no-such-bucket/kept/users.csv"))
    assert answer("audit", "list")[0]["outcome"] == "failed"
    assert [*tmp_path.iterdir()] == []


def test_what_fails_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXPORT_JOB_ROWS", "10")
    with pytest.raises(ConfigurationError, match="EXPORT_JOB_ROWS=10 rows"):
        call("export", "table", "user_events", *SPAN)
    assert answer("audit", "list")[0]["outcome"] == "failed"

    monkeypatch.setenv("DATABASE_URL", "postgresql://me@127.0.0.1:1/db")
    with pytest.raises(MetadataUnavailable):
        call("export", "table", "user_events", *SPAN)
    assert [*tmp_path.iterdir()] == []
