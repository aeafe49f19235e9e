"""What is made again here are rollups too."""

import pytest


@pytest.fixture
def rollups() -> bool:
    """With the rollups and their views."""
    return True
