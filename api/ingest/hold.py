"""How much of other people's bytes a web process may hold at one time."""

from types import TracebackType

from api.problems import later
from streams import http_metrics


class Budget:
    """A number of bytes that everything held is taken from."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.held = 0

    def take(self, size: int) -> bool:
        """Take bytes if there are as many left."""
        if self.held + size > self.limit:
            return False
        self.held += size
        http_metrics.HELD.set(self.held)
        return True

    def give(self, size: int) -> None:
        """Give bytes back."""
        self.held -= size
        http_metrics.HELD.set(self.held)


class Hold:
    """What one request holds, given back at its end. `with Hold(budget) as hold:`."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._size = 0

    def __enter__(self) -> "Hold":
        """Nothing is held yet."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give everything back."""
        self._budget.give(self._size)

    def more(self, size: int) -> None:
        """Hold more bytes. Raises Problem (503) where the process holds all that it may."""
        if not self._budget.take(size):
            raise later(
                503,
                "buffer_full",
                "The server holds as much as it may",
                f"This web process holds {self._budget.held} bytes of requests and unacknowledged events, and may hold "
                f"{self._budget.limit} (INGEST_BUFFER_BYTES). Nothing of this request was sent; send it again later.",
            )
        self._size += size
