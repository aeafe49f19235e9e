"""What the replica that answers us may still lack: it catches up before it testifies (R8)."""

from clickhouse_connect.driver.asyncclient import AsyncClient

from clickhouse.client import classify

OWN = "SELECT table FROM system.replicas WHERE database = currentDatabase() ORDER BY table"
"""The replicated tables of this node."""


class Replica:
    """The server behind a client: one of several replicas where there is a cluster, else the only one."""

    def __init__(self, client: AsyncClient, cluster: str | None = None) -> None:
        self.client = client
        self.cluster = cluster

    async def catch_up(self, *tables: str) -> None:
        """Wait until these tables (none: all) have every part that any replica had committed when this was called.

        Costs one statement a table, and nothing without a cluster. A part that only a dead replica holds is waited
        for: rows that are committed but not here must never be taken for missing. Raises SinkUnavailable where the
        server has lost the Keeper, or does not catch up within the client's time.
        """
        if not self.cluster:
            return
        try:
            chosen = tables or [name for (name,) in (await self.client.query(OWN)).result_rows]
            for table in chosen:
                # Only fetches are waited for: merges and mutations change no row's presence.
                await self.client.command(f"SYSTEM SYNC REPLICA {table} LIGHTWEIGHT")
        except Exception as error:
            raise classify(error) from error
