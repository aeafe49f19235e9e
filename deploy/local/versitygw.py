"""One server of the S3 protocol, whose life a test controls: buckets are folders, objects are files."""

import http.client
from pathlib import Path
from typing import Final

from deploy.local import tools
from deploy.local.process import Command, Process, free_port

START_SECONDS: Final = 30.0
ACCESS_KEY: Final = "millrace"
SECRET_KEY: Final = "millrace-secret"
REGION: Final = "us-east-1"


class VersityGw:
    """A server on a free port; it checks signatures, and knows one key."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.port = 0
        self._process: Process | None = None

    def start(self) -> None:
        """Start; returns when it answers. Raises TimeoutError with the end of its log."""
        program = tools.versitygw()
        assert program is not None
        self.port = free_port()
        data, aside = self.home / "buckets", self.home / "aside"
        for folder in (data, aside):
            folder.mkdir(parents=True, exist_ok=True)
        # Facts of objects lie in files of their own: not every file system keeps extended attributes.
        posix = ("posix", "--sidecar", str(aside), str(data))
        env = {"ROOT_ACCESS_KEY": ACCESS_KEY, "ROOT_SECRET_KEY": SECRET_KEY}
        listen = ("--port", f"127.0.0.1:{self.port}", "--region", REGION)
        self._process = process = Process(Command((program, *listen, *posix), env=env), self.home / "versitygw.log")
        process.start()
        process.until(self._answers, START_SECONDS, "versitygw")

    def stop(self) -> None:
        """Stop it."""
        if self._process is not None:
            self._process.stop()

    def bucket(self, name: str) -> Path:
        """Make a bucket; returns its folder, in which objects are files."""
        folder = self.home / "buckets" / name
        folder.mkdir()
        return folder

    def url(self, place: str) -> str:
        """The address of `bucket/prefix`, as settings have it."""
        return f"s3://{place}?scheme=http&endpoint_override=127.0.0.1:{self.port}&region={REGION}"

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
        try:
            connection.request("GET", "/")
            return connection.getresponse().status in (200, 403)
        except OSError:
            return False
        finally:
            connection.close()
