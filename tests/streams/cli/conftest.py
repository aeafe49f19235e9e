"""What the tests of the command line share."""

from collections.abc import Iterator

import pytest

from streams.settings import Settings
from tests.support.lent import Databases


@pytest.fixture(scope="session")
def databases(stack_settings: Settings) -> Iterator[Databases]:
    """What lends databases to them."""
    found = Databases(stack_settings)
    yield found
    found.close()
