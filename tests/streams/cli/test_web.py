"""`millrace web`: where it listens, and what it says where it cannot."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import pytest

from deploy.local.process import free_port
from tests.support.waiting import until

ARGV = (sys.executable, "-m", "streams.cli", "web")


def answers(port: int) -> bool:
    """Whether the web process does."""
    try:
        with urlopen(f"http://127.0.0.1:{port}/live", timeout=5) as answer:
            return bool(answer.read() == b'{"live":true}')
    except OSError:
        return False


@pytest.mark.parametrize(
    "by", ["a line of .env", pytest.param("the environment", marks=pytest.mark.faults), "an option"]
)
def test_it_listens_where_it_is_told(by: str, tmp_path: Path) -> None:
    told, other = free_port(), free_port()
    first, env, options = other, {}, []
    if by == "a line of .env":
        first = told
    elif by == "the environment":
        env = {"API_PORT": str(told)}
    else:
        options = ["--port", str(told)]
    (tmp_path / ".env").write_text(f"API_PORT={first}\n")
    process = subprocess.Popen([*ARGV, *options], cwd=tmp_path, env={**os.environ, **env}, stderr=subprocess.PIPE)
    try:
        until("the web process to answer", lambda: answers(told), 30)
        assert not answers(other)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=20)
        assert (process.returncode, b"Traceback" in said) == (0, False), said
    finally:
        process.kill()


@pytest.mark.long
@pytest.mark.parametrize(
    ("host", "says"),
    [
        ("127.0.0.1", "is in use on 127.0.0.1"),
        pytest.param("192.0.2.1", "address of this machine", marks=pytest.mark.faults),
    ],
)
def test_an_address_that_it_cannot_have_is_told(host: str, says: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        env = {**os.environ, "API_HOST": host, "API_PORT": port}
        done = subprocess.run(ARGV, cwd=tmp_path, env=env, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    message = " ".join(done.stderr.split())
    assert says in message
    assert f"API_PORT={port}" in message
    assert message.startswith("millrace: ")
    assert "Traceback" not in message
