"""Back-pressure from ClickHouse's merges: the more parts, the larger and rarer the batches."""

from collections.abc import Sequence

from clickhouse_connect.driver.asyncclient import AsyncClient

from clickhouse.parts import most

LONGEST = 10.0
"""A batch never gathers longer than so many times its usual age."""


class Pressure:
    """Watches the fullest partition of the product's tables, on whichever ClickHouse shard it is."""

    def __init__(self, clients: Sequence[AsyncClient], soft_limit: int) -> None:
        self._clients = clients
        self._soft_limit = soft_limit
        self._parts = 0

    async def look(self) -> None:
        """Ask ClickHouse anew. Raises what `classify` says."""
        self._parts = max([await most(client) for client in self._clients])

    def stretch(self) -> float:
        """How many times longer than usual a batch gathers: 1 up to the soft limit, then in proportion."""
        return min(LONGEST, max(1.0, self._parts / self._soft_limit))
