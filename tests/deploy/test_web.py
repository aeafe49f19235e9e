"""The web process as a part: up without any other part, and gone at once although a stream is open."""

import socket
import time
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

from deploy.local.part import State
from deploy.local.web import web_part
from deploy.local.worker import page
from streams.cli.web import STREAM_SECONDS
from streams.settings import Settings
from tests.support.processes import alive


def test_it_answers_and_ends_with_its_streams(tmp_path: Path) -> None:
    settings = Settings(redis_url="redis://127.0.0.1:1/0", millrace_home=tmp_path)
    web = web_part(settings, tmp_path)
    web.start()
    try:
        assert page(web.url, "live") == (200, b'{"live":true}')
        assert page(web.url, "v1/metrics/realtime")[0] == 503
        address = urlsplit(web.url)
        with (
            urllib.request.urlopen(f"{web.url}/v1/live/stream", timeout=10) as stream,
            socket.create_connection((address.hostname or "", address.port or 0)),
        ):
            assert stream.readline().startswith(b"retry")
            assert (stream.readline(), stream.readline()) == (b"\n", b"event: problem\n")
            pid, began = web.pid, time.monotonic()
            web.stop()
            assert time.monotonic() - began < STREAM_SECONDS
            assert stream.read().startswith(b"data: ")
    finally:
        web.stop()
    assert web.state is State.STOPPED
    assert alive([pid]) == []
    assert "Traceback" not in (tmp_path / "web.log").read_text()
