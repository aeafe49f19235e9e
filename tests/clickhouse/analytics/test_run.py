"""What one question may cost: at once, and as a job."""

import os

import pytest
from clickhouse_connect.driver.asyncclient import AsyncClient

from api.exports.large import LIMITS as OF_A_JOB
from clickhouse.analytics import run
from streams.errors import QueryRefused

pytestmark = pytest.mark.xdist_group("journeys")  # in one database
DEAR = "SELECT count() FROM numbers(200000001) WHERE number % 7 = 1"
"""Reads one row more than an answer at once may."""


async def test_what_costs_too_much_at_once_can_be_a_job(journey_reader: AsyncClient) -> None:
    with pytest.raises(QueryRefused, match="200,000,000 rows") as refused:
        await run.rows(journey_reader, DEAR, {})
    assert refused.value.code == "too_expensive"
    assert "POST /v1/exports" in refused.value.hint

    assert await run.rows(journey_reader, DEAR, {}, OF_A_JOB) == [(28_571_429,)]


async def test_all_cores_answer(journey_reader: AsyncClient) -> None:
    asked = "EXPLAIN PIPELINE SELECT sum(number) FROM numbers_mt(1000000)"
    lines = await run.rows(journey_reader, f"SELECT explain FROM ({asked})", {})
    cores = len(os.sched_getaffinity(0))
    assert any(f"NumbersRange \N{MULTIPLICATION SIGN} {cores} " in line for (line,) in lines) is (cores > 1)


async def test_a_job_that_costs_too_much_is_not_told_to_be_a_job(journey_reader: AsyncClient) -> None:
    with pytest.raises(QueryRefused, match="5,000,000,000 rows") as refused:
        await run.rows(journey_reader, DEAR.replace("200000001", "5000000001"), {}, OF_A_JOB)
    assert "POST" not in refused.value.hint
