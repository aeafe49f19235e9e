"""Runs the delivery of all shards, by the settings of the environment, until it kills itself: `python -m`."""

import asyncio

from agents.kill_point import arm
from streams.settings import given
from tests.support.feed import pipeline


async def run() -> None:
    """Deliver without end."""
    settings = given()
    arm(settings.worker_kill_at)
    async with pipeline(settings):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(run())
