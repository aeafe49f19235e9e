"""Tables of docs/store.md: what 20 million events take on disk, and how long people wait for an answer."""

from collections.abc import Sequence
from typing import Any

Result = dict[str, Any]
LARGEST = 12
"""Columns of a raw table that are shown."""
SLOWEST = 12
"""Metrics that are shown."""


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A Markdown table; numbers stand in every column but the first."""
    lines = [head, ("---", *(["---:"] * (len(head) - 1))), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def tables(volume: Result) -> str:
    """Bytes a row and against JSON, and what inserts made, by table."""
    rows = []
    for name, each in volume["tables"].items():
        made = volume["parts"].get(name)
        rows.append(
            (
                f"`{name}`",
                f"{each['rows']:,}",
                f"{each['bytes'] / 1e6:,.0f}",
                f"{each['bytes_a_row']:.1f}",
                f"{each['ratio']:.1f}" if "ratio" in each else "",
                f"{made['a_minute']:.0f}" if made else "",
                f"{made['rows_a_part']:,}" if made else "",
            )
        )
    head = ("table", "rows", "MB", "bytes a row", "JSON / disk", "parts a minute", "rows a part")
    return (
        f"{volume['events']:,} events over {volume['days']:g} days;"
        f" at most {volume['parts_in_the_fullest_partition']} parts in a partition.\n\n{_table(head, rows)}"
    )


def columns(volume: Result) -> str:
    """The largest columns of each raw table."""
    told = []
    for name, sizes in volume["bytes_a_row_by_column"].items():
        largest = sorted(sizes.items(), key=lambda pair: -pair[1])[:LARGEST]
        rest = sum(sizes.values()) - sum(size for _, size in largest)
        rows = [(f"`{column}`", f"{size:.2f}") for column, size in largest]
        rows.append((f"the other {len(sizes) - len(largest)}", f"{rest:.2f}"))
        told.append(_table((f"column of `{name}`", "bytes a row"), rows))
    return "\n\n".join(told)


def queries(query: Result) -> str:
    """Each question with its times, and what it read."""
    rows = [
        (
            f"`{name}`",
            f"{each['median_ms']:.0f}",
            f"{each['p95_ms']:.0f}",
            f"{each['read_rows']:,}",
            f"{each['read_bytes'] / 1e6:.1f}",
        )
        for name, each in query["questions"].items()
    ]
    return _table(("question", "p50 ms", "p95 ms", "rows read", "MB read"), rows)


def keys(found: Result) -> str:
    """Each question by the table's key and by the other one, and what the other one takes on disk."""
    rows = []
    for table, each in found.items():
        size = each["bytes"]["other"] / each["bytes"]["own"]
        for name, times in each["questions"].items():
            own, other = times["own"], times["other"]
            rows.append(
                (
                    f"`{table}` ({each['keys']['own']})",
                    f"`{name}`",
                    f"{own['median_ms']:.0f}",
                    f"{other['median_ms']:.0f}",
                    f"{own['read_rows']:,.0f}",
                    f"{other['read_rows']:,.0f}",
                    f"{size:.2f}",
                )
            )
    head = ("table and its key", "question", "p50 ms", "other key", "rows read", "other key", "other key's bytes / own")
    return _table(head, rows)


def metrics(found: Result) -> str:
    """The slowest metrics of the catalogue, and a line about all of them."""
    ordered = sorted(found.items(), key=lambda pair: -pair[1]["p95_ms"])
    rows = [
        (f"`{name}`", f"{each['median_ms']:.0f}", f"{each['p95_ms']:.0f}", f"{each['longest_ms']:.0f}")
        for name, each in ordered[:SLOWEST]
    ]
    quick = sum(each["p95_ms"] < 100 for each in found.values())
    table = _table(("metric", "p50 ms", "p95 ms", "longest ms"), rows)
    return f"Of {len(found)} metrics {quick} have a p95 under 100 ms. The slowest:\n\n{table}"


def views(inserts: Result) -> str:
    """What a row costs the server, by the views that are there."""
    rows = [
        (text, f"{inserts[f'{name}_us']:.1f}", f"{inserts[f'{name}_small_us']:.1f}")
        for text, name in (
            ("no views", "without_views"),
            ("views of the families", "with_families"),
            ("families and rollups", "with_rollups"),
        )
    ]
    return _table(("microseconds of the server's CPU a row", "blocks of 20,000 events", "blocks of 2,000"), rows)
