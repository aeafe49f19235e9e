"""ZooKeeper as a fixture."""

from collections.abc import Iterator

import pytest

from deploy.local.zookeeper import ZooKeeper
from tests.support.tools import need


@pytest.fixture(scope="session")
def zookeeper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ZooKeeper]:
    """A node that lives as long as the session."""
    need("zookeeper")
    node = ZooKeeper(tmp_path_factory.mktemp("zookeeper"))
    node.start()
    yield node
    node.stop()
