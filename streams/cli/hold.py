"""`millrace hold`: close all shards for maintenance, see that they are closed, and let them go on."""

import asyncio
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from clickhouse.client import connect
from clickhouse.holds import Holds
from streams.cli.terminal import quiet
from streams.settings import Settings, load

app = typer.Typer(no_args_is_help=True, help="Close all shards for maintenance, and let them go on.")


@app.callback()
def hold() -> None:
    """Close all shards for maintenance of the tables, and let them go on."""


@app.command()
def place(
    name: Annotated[str, typer.Argument(help="A word by which the hold is released again.")],
    reason: Annotated[str, typer.Option(help="Shown by every worker.")] = "maintenance",
    wait: Annotated[bool, typer.Option(help="Return only when nothing of the stream can still be written.")] = True,
) -> None:
    """Ask every shard to close, and wait until no worker, however stalled, can still write.

    Do this before you create a view, swap or drop a table, or erase rows that the stream feeds. Producers go on; what
    they send waits in Kafka. Nothing is lost if you forget the hold: it only keeps everything waiting.
    """
    settings = load()
    asyncio.run(_place(settings, name, reason, wait))
    typer.echo(f"held; let go on with: millrace hold release {name}")


@app.command()
def release(name: Annotated[str, typer.Argument(help="The word that the hold was placed under.")]) -> None:
    """Let the shards go on, unless another hold is in force."""
    settings = load()

    async def run() -> None:
        client = await connect(settings)
        try:
            await Holds(client, settings.clickhouse_cluster).release(name)
        finally:
            await client.close()

    asyncio.run(run())
    typer.echo("released; workers go on within a few seconds")


@app.command("list")
def list_() -> None:
    """Show the holds in force, and which shards have closed since."""
    settings = load()
    asyncio.run(_list(settings))


async def _list(settings: Settings) -> None:
    client = await connect(settings)
    try:
        holds = Holds(client, settings.clickhouse_cluster)
        active = await holds.active()
        table = Table("Hold", "Reason", "Since", "Shards closed")
        for each in active:
            table.add_row(each.name, each.reason, f"{each.at:%Y-%m-%d %H:%M:%S} UTC", await quiet.closed(holds, each))
    finally:
        await client.close()
    Console().print(table if active else "no hold is in force")


async def _place(settings: Settings, name: str, reason: str, wait: bool) -> None:
    client = await connect(settings)
    try:
        holds = Holds(client, settings.clickhouse_cluster)
        await holds.place(name, reason)
        if not wait:
            return
        (placed,) = [each for each in await holds.active() if each.name == name]
        await quiet.wait(holds, settings, placed)
    finally:
        await client.close()
