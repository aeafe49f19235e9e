"""The snippets that people copy: those of docs/http-ingestion.md run as they stand, the one for pages in a browser."""

import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from metadata.keys import Scope
from streams.settings import Settings
from tests.support.browser import browser
from tests.support.posting import Poster, ids, new_key, poster, records
from tests.support.snippets import blocks, run
from tests.support.waiting import eventually

ROOT = Path(__file__).parents[3]
DOCUMENT = (ROOT / "docs/http-ingestion.md").read_text()


async def test_the_document_works_as_it_stands(posting: Poster, ingest_settings: Settings) -> None:
    shells, (python,) = blocks(DOCUMENT, "sh"), blocks(DOCUMENT, "python")
    assert len(shells) == 3
    for shell in shells:
        said = json.loads(await run(posting.url, posting.key, "sh", "-ec", shell))
        assert (said["accepted"] > 0, said["refused"]) == (True, 0)
    assert await run(posting.url, posting.key, sys.executable, "-c", python) == ""
    found = await records(str(ingest_settings.kafka_bootstrap_servers))
    named = [f"curl-{n}" for n in (1, 2, "batch-1", "batch-2", "batch-3")]
    assert [each for each in ids(found) if each.startswith("curl")] == sorted(named)
    kinds = sorted(json.loads(r.value)["type"] for r in found if json.loads(r.value)["source"] == "/shop")
    assert kinds == ["event.searched", "page.viewed"]


async def test_the_python_snippet_tells_what_is_refused(posting: Poster) -> None:
    (python,) = blocks(DOCUMENT, "python")
    spoiled = python.replace('url="https://shop.example/e/winter-jazz"', "url=7")
    assert (await run(posting.url, posting.key, sys.executable, "-c", spoiled)).startswith(
        "event 0 is refused: invalid data.url: "
    )


class Site(ThreadingHTTPServer):
    """A web site of an origin of its own, all of whose pages are the same."""

    html = ""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Pages)
        self.origin = f"http://127.0.0.1:{self.server_port}"


class Pages(BaseHTTPRequestHandler):
    """Serves the one page of a site."""

    server: Site

    def do_GET(self) -> None:
        """The page."""
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(self.server.html.encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def site() -> Iterator[Site]:
    """A site that is being served."""
    with Site() as made:
        thread = threading.Thread(target=made.serve_forever)
        thread.start()
        try:
            yield made
        finally:
            made.shutdown()
            thread.join()


@pytest.mark.slow
async def test_pages_of_a_known_origin_tell_of_their_views(ingest_settings: Settings, tmp_path: Path) -> None:
    key = await new_key(ingest_settings, [Scope.PAGES_WRITE])
    (tag,) = blocks(DOCUMENT, "html")
    with site() as known, site() as stranger:
        settings = ingest_settings.model_copy(update={"ingest_cors_origins": f"https://a.example, {known.origin}"})
        async with poster(settings, key) as posting, browser(tmp_path / "profile") as page:
            known.html = stranger.html = tag.replace("https://millrace.example", posting.url).replace("mr_...", key)
            await page.open(f"{known.origin}/e/winter-jazz")
            await page.until("the snippet to run", "window.millrace !== undefined")
            assert await page.ask("window.millrace.first") is True
            assert await page.ask("history.pushState(null, '', '/e/opera'), window.millrace.page()") is True
            assert page.errors == []
            await page.open(f"{stranger.origin}/elsewhere")

            async def refused() -> bool:
                return any("CORS" in error for error in page.errors)

            await eventually("the browser to refuse the other origin", refused)
    events = [json.loads(record.value) for record in await records(str(ingest_settings.kafka_bootstrap_servers))]
    assert sorted(each["data"]["url"] for each in events) == [
        f"{known.origin}/e/opera",
        f"{known.origin}/e/winter-jazz",
    ]
    assert {each["type"] for each in events} == {"page.viewed"}
    assert len({each["data"]["session_id"] for each in events}) == 1
    assert all("Chrome" in each["data"]["user_agent"] for each in events)
    assert {each["source"] for each in events} == {f"/web/{known.origin.removeprefix('http://')}"}
