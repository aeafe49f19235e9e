"""A bar on stderr that follows what a long work tells."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from rich.console import Console
from rich.progress import Progress

T = TypeVar("T")
Told = Callable[[str, int, int], None]
"""Is told what is being done, and how many of how many are done; of 0 where that is not known."""


async def with_progress(work: Callable[[Told], Awaitable[T]]) -> T:
    """Run the work, which is given the function to tell."""
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)

        def told(what: str, done: int, total: int) -> None:
            bar.update(task, description=what, completed=done, total=total or None)

        return await work(told)
