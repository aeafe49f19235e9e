"""The list of pseudonyms whose events workers drop."""

from dataclasses import dataclass

from clickhouse_connect.driver.asyncclient import AsyncClient

from clickhouse.client import classify
from clickhouse.replica import Replica


@dataclass(frozen=True, slots=True)
class Listed:
    """The list as it was read."""

    pseudonyms: frozenset[tuple[str, str]] = frozenset()
    """Pseudonym and domain; an empty domain stands for all."""
    keys: frozenset[str] = frozenset()
    """Fingerprints of the keys that made them."""


class Suppressions:
    """Reads the list."""

    def __init__(self, client: AsyncClient, cluster: str | None = None) -> None:
        self._client = client
        self._replica = Replica(client, cluster)

    async def read(self) -> Listed:
        """All entries, in a cluster those that any node has taken. Raises what `classify` says."""
        await self._replica.catch_up("suppressions")
        try:
            rows = (await self._client.query("SELECT pseudonym, domain, key FROM suppressions FINAL")).result_rows
        except Exception as error:
            raise classify(error) from error
        return Listed(
            frozenset((str(pseudonym), str(domain)) for pseudonym, domain, _ in rows),
            frozenset(str(key) for _, _, key in rows),
        )
