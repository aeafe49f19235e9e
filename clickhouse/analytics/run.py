"""Puts a statement of product analytics to ClickHouse, within what one question may cost."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from clickhouse_connect.driver.asyncclient import AsyncClient

from clickhouse.metrics import answer, catalogue
from clickhouse.metrics.route import Limits
from streams.events.domains import Domain

LIMITS: Final = Limits(200_000_000, 10)
"""Of an answer at once: within what the profile `api` of deploy/clickhouse allows."""
_HINT: Final = "Ask for a shorter time or window, or for fewer steps."
JOB_HINT: Final = "Ask for a shorter time or window, or have it answered as a job: POST /v1/exports with `analytics`."


async def rows(
    client: AsyncClient, sql: str, values: dict[str, Any], limits: Limits = LIMITS
) -> Sequence[Sequence[Any]]:
    """The rows of the statement. Raises QueryRefused where it costs too much, and as `clickhouse.client.classify`."""
    hint = JOB_HINT if limits is LIMITS else _HINT
    return await answer.run(client, sql, values, limits, hint, answer.threads(client))


async def as_of(client: AsyncClient, domain: Domain) -> datetime | None:
    """When the newest batch of a domain was delivered; None: never. Raises as `rows` does."""
    return await answer.as_of(client, next(metric for metric in catalogue.METRICS if metric.domain is domain))
