"""The share of dead letters of one shard, which stops it above a limit."""

from collections import deque

from streams.errors import TooManyRejected


class DeadShare:
    """Looks at the newest batches, as many as hold `least` records."""

    def __init__(self, shard: int, limit: float, least: int) -> None:
        """`limit`: DEAD_LETTER_LIMIT, a share of 1."""
        self._shard = shard
        self._limit = limit
        self._least = least
        self._batches: deque[tuple[int, int]] = deque()
        """Records and dead letters of each."""

    def check(self, records: int, dead: int) -> None:
        """Take note of a delivered batch. Raises TooManyRejected: something upstream, or this version, is wrong."""
        batches = self._batches
        batches.append((records, dead))
        while sum(n for n, _ in batches) - batches[0][0] >= self._least:
            batches.popleft()
        records, dead = sum(n for n, _ in batches), sum(n for _, n in batches)
        if records >= self._least and dead > self._limit * records:
            raise TooManyRejected(
                f"shard {self._shard}: {dead} of the last {records} records became dead letters, more than "
                f"DEAD_LETTER_LIMIT={self._limit}. Look at `millrace dlq list`, mend the producer or raise the "
                "limit, then restart the worker: nothing is lost meanwhile"
            )
