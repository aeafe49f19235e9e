"""`millrace batches`: the audit trail of every row: what each batch took, what became of it, what ClickHouse holds."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from agents.audit import Entry, completed, kind, verdicts
from clickhouse.witness import Delivered
from streams import log
from streams.cli import terminal
from streams.cli.terminal import shards
from streams.cli.terminal.shards import Reader
from streams.intent import Intent
from streams.settings import Settings, load


def batches(
    shard: shards.Shards = None,
    limit: Annotated[int, typer.Option(min=1, help="Records of each shard at most, the newest.")] = 20,
    since: Annotated[str | None, typer.Option(help="Appended since: RFC 3339, or an age such as 90m, 2h, 7d.")] = None,
    verify: Annotated[bool, typer.Option("--verify", help="Count the rows of each batch in ClickHouse.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show the audit trail: what every batch took and delivered, the newest last.

    A row names its batch by `shard`, `intent` (the seq here) and `nonce`. Exit code 1 if --verify finds rows missing.
    """
    settings = load()
    log.configure(settings.log_format, "error")
    after = terminal.moment(since, "--since")
    found = asyncio.run(_trail(settings, shards.chosen(settings, shard), limit, after, verify))
    if as_json:
        terminal.json(found)
    else:
        columns = [
            "shard",
            "seq",
            "kind",
            "ingested at",
            "records",
            "rows",
            "dead, dropped",
            "version",
            "in ClickHouse",
        ]
        terminal.table(columns, map(_row, found))
    if any(line["state"] == "missing" for line in found):
        raise typer.Exit(1)


async def _trail(
    settings: Settings, numbers: list[int], limit: int, after: datetime | None, verify: bool
) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = []
    async with shards.reader(settings) as reader:
        for number in numbers:
            found = await reader.read(number, valid=limit + 1)
            valid = [entry for entry in found.log.entries if entry.is_valid]
            superseded = completed([entry.intent for entry in valid if entry.intent is not None])
            for entry in valid[-limit:]:
                if after is None or entry.raw.at >= after.timestamp() * 1000:
                    lines.append(await _line(reader, number, entry, found.seen, superseded, verify))
    return lines


async def _line(
    reader: Reader, shard: int, entry: Entry, seen: Delivered | None, superseded: set[int], verify: bool
) -> dict[str, Any]:
    intent = entry.intent
    assert intent is not None
    line: dict[str, Any] = {
        "shard": shard,
        "offset": entry.raw.offset,
        "appended_at": datetime.fromtimestamp(entry.raw.at / 1000, UTC),
        "kind": kind(intent),
        "chain": intent.chain,
        "seq": intent.seq,
        "nonce": intent.nonce,
        "previous": intent.previous,
        "ranges": intent.ranges,
        "records": sum(end - start for start, end in intent.ranges.values()),
        "rows": intent.rows,
        "verdict": verdicts(intent),
        "rate": intent.rate,
        "ingested_at": datetime.fromtimestamp(intent.ingested_at / 1000, UTC) if intent.ingested_at else None,
        "version": intent.version,
        "state": _state(intent, seen, superseded),
    }
    if verify and intent.rows:
        held = {table: await reader.witness(shard).count(table, shard, intent) for table in intent.rows}
        line["held"] = held
        if held == intent.rows:
            line["state"] = "held"
        elif intent.seq not in superseded and line["state"] == "delivered":
            line["state"] = "missing"
    return line


def _state(intent: Intent, seen: Delivered | None, superseded: set[int]) -> str:
    """`superseded`: a later record completed it. The next record proves that all before it was acknowledged."""
    if intent.seq in superseded:
        return "superseded"
    if seen is None or intent.seq > seen.seq:
        return "proposed"
    return "delivered" if intent.seq < seen.seq or intent.is_empty else "newest"


def _row(line: dict[str, Any]) -> tuple[Any, ...]:
    dropped = " ".join(f"{word}:{count:,}" for word, count in line["verdict"].items())
    rows = " ".join(f"{table}:{count:,}" for table, count in line["rows"].items())
    state = line["state"]
    if "held" in line and line["held"] != line["rows"]:
        state += " " + " ".join(f"{table}:{count:,}" for table, count in line["held"].items())
    at = line["ingested_at"] or line["appended_at"]
    return (str(line["shard"]), line["seq"], line["kind"], at, line["records"], rows, dropped, line["version"], state)
