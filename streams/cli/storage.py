"""`millrace storage`: what every table and column takes on disk, and how much smaller that is than the events' JSON."""

import asyncio
from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any

import typer

from agents.build import groupless
from agents.sizes import Weight, weigh
from clickhouse.client import connect
from clickhouse.storage import ColumnSize, Storage, TableSize
from streams import log
from streams.cli import terminal
from streams.errors import ConfigurationError
from streams.settings import Settings, load
from streams.topics import raw_table, source_topics


def storage(
    table: Annotated[str | None, typer.Option(help="The columns of this table, the largest first.")] = None,
    newest: Annotated[
        int, typer.Option(min=0, help="Records of each topic partition that are weighed; 0: none, and no ratio.")
    ] = 5_000,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON: all tables with all columns.")] = False,
) -> None:
    """Show what every table takes on disk, and the ratio of the events' JSON to it.

    JSON bytes of a raw table are its rows by event type, times the mean length of the newest records of that type in
    Kafka. Types of which no record is there any more are named, and their rows left out of the ratio.
    """
    settings = load()
    log.configure(settings.log_format, "error")
    found = asyncio.run(_found(settings, newest))
    if as_json:
        terminal.json(found)
    elif table is not None:
        if not any(each["table"] == table for each in found["tables"]):
            raise ConfigurationError(f"--table {table}: no such table holds rows; `millrace storage` lists them")
        if not any(each["table"] == table for each in found["columns"]):
            typer.echo(f"{table} has compact parts only, which do not tell the sizes of columns", err=True)
        terminal.table(
            ["column", "type", "codec", "bytes", "bytes a row", "uncompressed", "ratio"],
            [_column_line(column, found["tables"]) for column in found["columns"] if column["table"] == table],
        )
    else:
        terminal.table(
            ["table", "rows", "parts", "bytes on disk", "bytes a row", "uncompressed", "JSON bytes", "JSON / disk"],
            [_table_line(each) for each in found["tables"]],
        )
        for each in found["tables"]:
            if each["unweighed"]:
                typer.echo(f"{each['table']}: no record was weighed of {', '.join(each['unweighed'])}", err=True)


async def _found(settings: Settings, newest: int) -> dict[str, Any]:
    weights = await weigh(groupless(settings), source_topics(), newest) if newest else {}
    client = await connect(settings)
    try:
        asked = Storage(client)
        raw = {raw_table(topic) for topic in source_topics()}
        tables = [
            _table(size, await asked.types(size.table) if size.table in raw else {}, weights)
            for size in await asked.tables()
        ]
        return {"tables": tables, "columns": [asdict(column) for column in await asked.columns()]}
    finally:
        await client.close()


def _table(size: TableSize, types: Mapping[str, int], weights: Mapping[str, Weight]) -> dict[str, Any]:
    """One table with its ratio; None where nothing was weighed."""
    weighed = {name: rows for name, rows in types.items() if name in weights}
    json = sum(rows * weights[name].mean for name, rows in weighed.items())
    share = sum(weighed.values()) / size.rows if size.rows else 0.0
    return asdict(size) | {
        "json": round(json) if weighed else None,
        "ratio": round(json / (size.on_disk * share), 2) if weighed else None,
        "unweighed": sorted(types.keys() - weighed.keys()) if weights else [],
    }


def _table_line(each: dict[str, Any]) -> list[Any]:
    ratio = each["ratio"]
    return [
        each["table"],
        each["rows"],
        each["parts"],
        each["on_disk"],
        f"{each['on_disk'] / max(1, each['rows']):.1f}",
        each["uncompressed"],
        each["json"],
        None if ratio is None else f"{ratio:.1f}",
    ]


def _column_line(column: dict[str, Any], tables: list[dict[str, Any]]) -> list[Any]:
    sized = ColumnSize(**column)
    rows = next(each["rows"] for each in tables if each["table"] == sized.table)
    return [
        sized.name,
        sized.type,
        sized.codec,
        sized.compressed,
        f"{sized.compressed / max(1, rows):.2f}",
        sized.uncompressed,
        f"{sized.uncompressed / max(1, sized.compressed):.1f}",
    ]
