"""An object store as fixtures: a server of the S3 protocol for the session, a bucket of its own for each test."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from deploy.local.versitygw import ACCESS_KEY, SECRET_KEY, VersityGw
from tests.support.tools import need


@dataclass
class Bucket:
    """An empty bucket."""

    name: str
    folder: Path
    """Where the server keeps its objects, as files."""
    server: VersityGw

    @property
    def url(self) -> str:
        """A place in it, as settings have it."""
        return self.server.url(f"{self.name}/kept/here")

    def names(self) -> list[str]:
        """Its objects."""
        return sorted(str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if path.is_file())


@pytest.fixture(scope="session")
def _object_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VersityGw]:
    need("versitygw")
    server = VersityGw(tmp_path_factory.mktemp("object-store"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def bucket(_object_store: VersityGw, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """A bucket whose key is in the environment, as that of a process is."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
    name = f"test-{secrets.token_hex(6)}"
    return Bucket(name, _object_store.bucket(name), _object_store)
