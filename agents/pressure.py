"""Back-pressure from ClickHouse's merges: the more parts, the larger and rarer the batches."""

from clickhouse_connect.driver.asyncclient import AsyncClient

from clickhouse.parts import most

LONGEST = 10.0
"""A batch never gathers longer than so many times its usual age."""


class Pressure:
    """Watches the fullest partition of the product's tables."""

    def __init__(self, client: AsyncClient, soft_limit: int) -> None:
        self._client = client
        self._soft_limit = soft_limit
        self._parts = 0

    async def look(self) -> None:
        """Ask ClickHouse anew. Raises what `classify` says."""
        self._parts = await most(self._client)

    def stretch(self) -> float:
        """How many times longer than usual a batch gathers: 1 up to the soft limit, then in proportion."""
        return min(LONGEST, max(1.0, self._parts / self._soft_limit))
