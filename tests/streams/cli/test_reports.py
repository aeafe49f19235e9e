"""`millrace reports`: configured, made, written, mailed and posted for real; and the compliance report."""

import asyncio
import base64
import json
import re
import threading
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from streams.errors import ConfigurationError, SinkUnavailable
from tests.support.buckets import Bucket
from tests.support.invoked import answer, call
from tests.support.mailbox import Mailbox, mailbox
from tests.support.metric_world import World
from tests.support.portable import text_of
from tests.support.receiver import SECRET, Receiver, receiver, signed

HOSTILE = "Weekly <script>alert(1)</script> & more"


@pytest.fixture(autouse=True)
def place(metric_world: World, metadata_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = metric_world.settings
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MILLRACE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("REPORT_DIR", str(tmp_path / "reports"))
    monkeypatch.setenv("DATABASE_URL", metadata_url)
    monkeypatch.setenv("CLICKHOUSE_URL", settings.clickhouse_url or "")
    monkeypatch.setenv("CLICKHOUSE_DATABASE", settings.clickhouse_database)


@contextmanager
def beside() -> Iterator[tuple[Mailbox, Receiver]]:
    """A mail server and a receiver of webhooks, with a loop of their own."""
    ready: list[tuple[Mailbox, Receiver]] = []
    is_up, loop, over = threading.Event(), asyncio.new_event_loop(), asyncio.Event()

    async def serve() -> None:
        async with mailbox() as box, receiver() as hook:
            ready.append((box, hook))
            is_up.set()
            await over.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    assert is_up.wait(20)
    try:
        yield ready[0]
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()
        loop.close()


def config(world: World, **more: Any) -> dict[str, Any]:
    """A report of all kinds of sections."""
    period = {"from": world.begin.isoformat(), "to": world.end.isoformat()}
    sections = [
        {"metric": "rides.net_revenue", "by": ["method"], "granularity": "hour", **period},
        {"metric": "ticketing.tickets_sold", "granularity": "day", "compare": True, "chart": "line", **period},
        {"metric": "rides.bookings_created", "by": ["pickup_city"], "granularity": "total", "chart": "bar", **period},
        {"compliance": True, "from": "1d", "title": "Who did what"},
    ]
    return {"title": HOSTILE, "sections": sections, **more}


@pytest.fixture
def configured(metric_world: World, tmp_path: Path) -> Callable[..., None]:
    def put(**more: Any) -> None:
        (tmp_path / "weekly.json").write_text(json.dumps(config(metric_world, **more)))
        call("reports", "set", "weekly", "weekly.json")

    return put


def text_between(words: str, heads: list[str]) -> str:
    """What stands between two titles."""
    return words.partition(heads[0])[2].partition(heads[1])[0]


def page(path: str) -> tuple[str, ET.Element]:
    """A report as text, and as XML, which it is too."""
    text = Path(path).read_text()
    return text, ET.fromstring(text.removeprefix("<!DOCTYPE html>\n"))


def test_a_report_shows_the_numbers_and_loads_nothing(configured: Callable[..., None], metric_world: World) -> None:
    configured()
    made = answer("reports", "run", "weekly")

    text, tree = page(made["file"])
    assert "<script" not in text
    assert not re.search(r"""(src|href|url)\s*[=(]|@import""", text)
    assert "default-src 'none'" in text
    assert tree.findtext("body/h1") == HOSTILE
    kinds = ("payment.success", "payment.refunded")
    currencies = sorted({row["currency"] for row in metric_world.rows if row["event_type"] in kinds})
    assert len(currencies) > 2
    assert [each.text for each in tree.findall("body/h3")][: len(currencies)] == currencies
    assert len([*tree.iter("svg")]) == len(currencies) + 2
    sold = sum(row["quantity"] or 0 for row in metric_world.rows if row["event_type"] == "ticket.purchased")
    tables = [*tree.iter("table")]
    cells = [row.findall("td") for row in tables[1].iter("tr")]
    assert sum(int((row[1].text or "0").replace(",", "")) for row in cells if row) == sold
    assert [each.text for each in tree.iter("h2")][-1] == "Who did what"

    (execution,) = answer("reports", "show", "weekly")["executions"]
    assert (execution["state"], execution["file"]) == ("done", made["file"])
    assert execution["bytes"] == len(text.encode())
    made_act, change = answer("audit", "list")
    assert (change["action"], change["subject"]) == ("report.change", "weekly")
    assert (made_act["action"], made_act["outcome"]) == ("report.make", "done")
    assert [*Path("reports").iterdir()] == [Path("reports", Path(made["file"]).name)]


def test_a_report_is_mailed_and_posted(configured: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    with beside() as (box, hook):
        monkeypatch.setenv("SMTP_URL", box.url)
        monkeypatch.setenv("REPORT_WEBHOOK_URL", hook.url)
        monkeypatch.setenv("REPORT_WEBHOOK_SECRET", SECRET)
        monkeypatch.setenv("REPORT_WEBHOOK_ALLOW_INTERNAL", "true")
        configured(title="Weekly", delivery={"mail": ["boss@example.org"], "webhook": True})
        made = answer("reports", "run", "weekly")

        text, _ = page(made["file"])
        (sent,) = box.mails
        (attached,) = sent.iter_attachments()
        assert (sent["Subject"], sent["To"]) == ("Weekly", "boss@example.org")
        assert attached.get_content().splitlines() == text.splitlines()
        (posted,) = hook.alerts
        assert (posted["report"], posted["html"], posted["id"]) == ("weekly", text, made["id"])
        ((request, body),) = hook.requests
        assert signed(request.headers["X-Millrace-Signature"], body)

        # One that cannot be reached does not keep the report from the others, and the run has failed.
        monkeypatch.setenv("SMTP_URL", "smtp://127.0.0.1:1")
        with pytest.raises(SinkUnavailable, match="SMTP_URL"):
            call("reports", "run", "weekly")
        assert len(hook.alerts) == 2
    newest = answer("reports", "show", "weekly")["executions"][0]
    assert newest["state"] == "failed"
    assert "SMTP_URL" in newest["error"]
    assert Path(newest["file"]).exists()
    assert answer("audit", "list", "--action", "report.make")[0]["outcome"] == "failed"


def test_a_report_as_pdf_says_what_the_page_says(
    configured: Callable[..., None], metric_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with beside() as (box, hook):
        monkeypatch.setenv("SMTP_URL", box.url)
        monkeypatch.setenv("REPORT_WEBHOOK_URL", hook.url)
        monkeypatch.setenv("REPORT_WEBHOOK_SECRET", SECRET)
        monkeypatch.setenv("REPORT_WEBHOOK_ALLOW_INTERNAL", "true")
        configured(format="pdf", delivery={"mail": ["boss@example.org"], "webhook": True})
        made = answer("reports", "run", "weekly")
        (attached,) = box.mails[0].iter_attachments()
        (posted,) = hook.alerts

    body = Path(made["file"]).read_bytes()
    assert made["file"].endswith(".pdf")
    assert attached.get_content() == base64.b64decode(posted["pdf"]) == body
    words = " ".join(text_of(body).split())
    tree = ET.fromstring(posted["html"].removeprefix("<!DOCTYPE html>\n"))
    heads = [" ".join("".join(each.itertext()).split()) for each in tree.iter() if each.tag in ("h1", "h2", "h3")]
    assert heads[0] == HOSTILE
    assert [head for head in heads if head not in words] == []
    sold = sum(row["quantity"] or 0 for row in metric_world.rows if row["event_type"] == "ticket.purchased")
    titles = [" ".join("".join(each.itertext()).split()) for each in tree.iter("h2")]
    days = re.findall(r"\d{4}-\d\d-\d\d ([\d,]+)(?![\d,:-])", text_between(words, titles[1:3]))
    cells = [int(each.replace(",", "")) for each in days]
    assert sum(cells) == sold
    (listed,) = answer("reports", "list")
    assert (listed["format"], answer("reports", "show", "weekly")["executions"][0]["bytes"]) == ("pdf", len(body))


@pytest.mark.faults
def test_a_report_is_written_to_an_object_store(
    configured: Callable[..., None], bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REPORT_DIR", bucket.url)
    configured(format="pdf")
    made = answer("reports", "run", "weekly")

    (name,) = bucket.names()
    assert made["file"] == f"s3://{bucket.name}/{name}"
    assert (bucket.folder / name).read_bytes().startswith(b"%PDF-")
    assert answer("reports", "show", "weekly")["executions"][0]["file"] == made["file"]

    monkeypatch.setenv("REPORT_DIR", bucket.server.url("no-such-bucket/x"))
    with pytest.raises(SinkUnavailable, match="REPORT_DIR: s3://no-such-bucket/x cannot be read or written"):
        call("reports", "run", "weekly")
    assert answer("reports", "show", "weekly")["executions"][0]["state"] == "failed"


@pytest.mark.parametrize("url", ["ftp://host/reports", "s3//bucket:x://"])
def test_a_place_that_is_none_is_told_when_a_report_is_set(
    url: str, configured: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REPORT_DIR", url)
    with pytest.raises(ConfigurationError, match="give a folder or s3://bucket/prefix"):
        configured()


def test_a_report_has_a_job_while_it_has_a_time(configured: Callable[..., None]) -> None:
    configured(cron="0 6 * * MON", zone="Europe/Berlin")
    job = answer("jobs", "show", "report:weekly")
    assert (job["command"], job["cron"]) == ("millrace reports run weekly", "0 6 * * MON")
    assert (job["zone"], job["is_on"]) == ("Europe/Berlin", True)
    (listed,) = answer("reports", "list")
    assert (listed["name"], listed["job"]) == ("weekly", "report:weekly")

    configured()
    assert "report:weekly" not in [job["name"] for job in answer("jobs", "list")["jobs"]]
    configured(cron="0 6 * * MON")
    call("reports", "remove", "weekly")
    assert answer("reports", "list") == []
    assert "report:weekly" not in [job["name"] for job in answer("jobs", "list")["jobs"]]


def test_the_compliance_report_tells_who_did_what() -> None:
    call("keys", "create", "shop & <co>", "--scope", "rows:read")
    call("jobs", "disable", "clean")
    call("export", "table", "route_events", "--from", "2001-01-01", "--out", "a.csv")
    call("reports", "compliance", "--from", "1h")
    call("reports", "compliance", "--from", "1h", "--out", "compliance.pdf")
    assert "shop & <co>" in " ".join(text_of(Path("compliance.pdf").read_bytes()).split())

    text, tree = page("compliance.html")
    assert "<co>" not in text
    heads = [each.text for each in tree.iter("h3")]
    assert heads[:3] == ["Exported and fetched (1)", "Ids of people read (0)", "Erased (0)"]
    assert "Keys, jobs and reports changed (2)" in heads
    words = "".join(tree.itertext())
    assert "route_events" in words
    assert "shop & <co>" in words
    found = answer("reports", "compliance", "--from", "1h")
    assert [each["subject"] for each in found["acts"]["Exported and fetched"]] == ["route_events"]
    assert answer("reports", "compliance", "--from", "2001-01-01", "--to", "2001-02-01")["acts"]["Erased"] == []


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ({"sections": []}, "sections"),
        ({"title": "two\nlines"}, "title"),
        ({"cron": "5 o'clock"}, "five fields"),
        ({"delivery": {"mail": ["nobody"]}}, "delivery.mail"),
        ({"delivery": {"mail": ["a@example.org\r\nBcc: b@example.org"]}}, "delivery.mail"),
        ({"delivery": {"mail": ["a@example.org"]}}, "SMTP_URL is not set"),
        ({"delivery": {"webhook": True}}, "REPORT_WEBHOOK_URL"),
        ({"sections": [{"metric": "rides.net_revenu"}]}, "Did you mean"),
        ({"sections": [{"metric": "rides.driver_earnings", "by": ["driver_id"]}]}, "cannot be by driver_id"),
        ({"sections": [{"metric": "rides.net_revenue", "compliance": True}]}, "give `metric`"),
        ({"sections": [{}]}, "give `metric`"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_what_is_wrong_is_said(words: dict[str, Any], says: str, configured: Callable[..., None]) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(says)):
        configured(**words)
    assert answer("reports", "list") == []


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("set", "Weekly!", "x.toml"), "no name for a report"),
        (("set", "weekly", "x.toml"), "cannot be read as TOML"),
        (("run", "weekly"), "none yet"),
        (("show", "weekly"), "there is no report 'weekly'"),
        (("remove", "weekly"), "there is no report 'weekly'"),
    ],
)
def test_what_is_not_there_is_said(words: tuple[str, ...], says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        call("reports", *words)
