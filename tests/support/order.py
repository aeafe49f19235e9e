"""The order of the tests: slow ones are strewn among the others, so that no process is left with them at the end.

Tests that share what takes seconds to start run in one process, so that it is started once.
"""

from collections.abc import Iterator

import pytest

LASTING = (
    "_lasting_kafka",
    "zookeeper",
    "second_server",
    "filled",
    "right",
    "node",
    "as_user",
    "known",
    "lasting_place",
    "metric_world",
)
"""Fixtures that outlive a test and take long to make."""
SPREAD = 0.7
"""Share of the quick tests among which the slow ones lie."""


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Iterator[None]:
    """Name each test's group before pytest-xdist reads it; order them once all other plugins have chosen theirs."""
    for item in items:
        shared = [name for name in LASTING if name in getattr(item, "fixturenames", ())]
        if shared:
            item.add_marker(pytest.mark.xdist_group(shared[0]))
    yield
    order(items)


def order(items: list[pytest.Item]) -> None:
    """Put a slow test after every so many quick ones, both in their own order. The same in every process of xdist."""
    slow = [item for item in items if item.get_closest_marker("slow")]
    if not slow or len(slow) == len(items):
        return
    quick = [item for item in items if not item.get_closest_marker("slow")]
    items[:] = strewn(slow, quick)


def strewn(slow: list[pytest.Item], quick: list[pytest.Item]) -> list[pytest.Item]:
    """All of both; the first is a slow one."""
    every = max(1, int(len(quick) * SPREAD / len(slow)))
    found: list[pytest.Item] = []
    for place, item in enumerate(slow):
        found += [item, *quick[place * every : (place + 1) * every]]
    return found + quick[len(slow) * every :]
