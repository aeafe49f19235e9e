"""How many parts ClickHouse has to merge: the figure by which the worker makes batches larger and rarer."""

from clickhouse_connect.driver.asyncclient import AsyncClient

from clickhouse.client import classify

MOST = """
SELECT max(parts) FROM
(
    SELECT count() AS parts FROM system.parts
    WHERE active AND database = currentDatabase()
    GROUP BY table, partition_id
)
"""


async def most(client: AsyncClient) -> int:
    """Active parts in the fullest partition of the product's tables; 0 if there is none. Raises as `classify` says.

    ClickHouse delays inserts from `parts_to_delay_insert` (1,000) on and refuses them from `parts_to_throw_insert`
    (3,000) on. It reads what the server holds in memory, in a few milliseconds.
    """
    try:
        rows = (await client.query(MOST)).result_rows
    except Exception as error:
        raise classify(error) from error
    return int(rows[0][0])
