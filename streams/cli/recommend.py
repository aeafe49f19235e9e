"""`millrace recommend`: routes for a rider or a driver, and how often such recommendations hit."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer
from clickhouse_connect.driver.asyncclient import AsyncClient

from clickhouse.client import connect
from clickhouse.recommend import measure as held_out
from clickhouse.recommend import routes as near
from clickhouse.recommend.routes import Who
from streams.cli import terminal
from streams.cli.terminal.refusing import refusing
from streams.settings import load

app = typer.Typer(no_args_is_help=True, help="Recommend routes to a rider or a driver, and measure how often they hit.")
T = TypeVar("T")

For = Annotated[Who, typer.Argument(metavar="WHO", help=f"{' or '.join(Who)}.")]
From = Annotated[
    str,
    typer.Option("--from", help="Routes count from then on: RFC 3339, a day of the zone, or an age such as 28d."),
]
To = Annotated[str, typer.Option("--to", help="Written like --from; not part of the time. Without it: now.")]
Zone = Annotated[str, typer.Option(help="IANA zone of days; without it, that of the domain.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.callback()
def recommend() -> None:
    """Recommend routes to a rider or a driver, and measure how often they hit."""


@app.command()
def routes(
    who: For,
    person: Annotated[str, typer.Argument(metavar="ID", help="user_id of the rider, or driver_id.")],
    begin: From = near.USUAL_SPAN,
    end: To = "",
    zone: Zone = "",
    limit: Annotated[int, typer.Option(help="Routes at most.")] = near.USUAL_ROWS,
    as_json: Json = False,
) -> None:
    """Recommend routes that the person has not taken, the nearest first."""
    question = refusing(lambda: near.ask(who, person, begin=begin, end=end, zone=zone, limit=limit))
    found = refusing(lambda: asyncio.run(_asked(lambda client: near.ask_for(client, question))))
    if as_json:
        terminal.json(found)
        return
    columns = ("rank", "origin", "destination", "score", "support", "people")
    terminal.table(columns, [[row[name] for name in columns] for row in found["routes"]])
    typer.echo(f"by {found['own_routes']} routes of {who.value} {terminal.words(person)}", err=True)


@app.command()
def measure(
    who: For,
    begin: From = near.USUAL_SPAN,
    cut: Annotated[
        str,
        typer.Option(help="Routes before it are learned from, those after it held out. Without it: three quarters."),
    ] = "",
    end: To = "",
    zone: Zone = "",
    k: Annotated[int, typer.Option("--routes", help="Routes that are recommended to each person.")] = near.USUAL_ROWS,
    people: Annotated[int, typer.Option(help="People to try at most.")] = held_out.USUAL_PEOPLE,
    as_json: Json = False,
) -> None:
    """Measure for how many people one of the recommended routes is among those that they took later."""
    asked = refusing(lambda: held_out.split(who, begin=begin, cut=cut, end=end, zone=zone, k=k, people=people))
    found = refusing(lambda: asyncio.run(_asked(lambda client: held_out.measure(client, asked))))
    if as_json:
        terminal.json(held_out.shown(asked, found))
        return
    rows = [
        ("routes of people with routes in common", found.hits, f"{found.hit_rate:.1%}"),
        ("most popular routes", found.popular_hits, f"{found.popular_hit_rate:.1%}"),
    ]
    terminal.table((f"first {k}", "people hit", "hit rate"), rows)
    typer.echo(
        f"of {found.answered} {who.value}s; {found.people - found.answered} more took new routes, and there is too "
        "little to recommend any to them",
        err=True,
    )


async def _asked(ask: Callable[[AsyncClient], Awaitable[T]]) -> T:
    client = await connect(load(), reading=True)
    try:
        return await ask(client)
    finally:
        await client.close()
