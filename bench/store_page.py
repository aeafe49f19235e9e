"""Tables of pages of docs: bytes on disk, how long people wait, what questions cost, what the cache gives."""

from collections.abc import Sequence
from typing import Any

from clickhouse.rollups import ROLLUPS

Result = dict[str, Any]
LARGEST = 12
"""Columns of a raw table that are shown."""
SLOWEST = 12
"""Metrics that are shown."""


def markdown(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A Markdown table; numbers stand in every column but the first."""
    lines = [head, ("---", *(["---:"] * (len(head) - 1))), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def number(value: float) -> str:
    """A number with as many digits as it bears.

    >>> [number(value) for value in (0.0, 0.0123456, 1.25, 12.34, 123.4, 123456.0)]
    ['0', '0.0123', '1.25', '12.3', '123', '123,456']
    """
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{float(f'{value:.3g}'):g}"


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
        f" at most {volume['parts_in_the_fullest_partition']} parts in a partition.\n\n{markdown(head, rows)}"
    )


def columns(volume: Result) -> str:
    """The largest columns of each raw table."""
    told = []
    for name, sizes in volume["bytes_a_row_by_column"].items():
        largest = sorted(sizes.items(), key=lambda pair: -pair[1])[:LARGEST]
        rest = sum(sizes.values()) - sum(size for _, size in largest)
        rows = [(f"`{column}`", f"{size:.2f}") for column, size in largest]
        rows.append((f"the other {len(sizes) - len(largest)}", f"{rest:.2f}"))
        told.append(markdown((f"column of `{name}`", "bytes a row"), rows))
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
    return markdown(("question", "p50 ms", "p95 ms", "rows read", "MB read"), rows)


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
    return markdown(head, rows)


def metrics(result: Result) -> str:
    """The slowest metrics of the catalogue, what they read, and a line about all of them."""
    found = result["metrics"]
    ordered = sorted(found.items(), key=lambda pair: -pair[1]["p95_ms"])
    rows = [
        (
            f"`{name}`",
            *(f"{each[figure]:.0f}" for figure in ("median_ms", "p95_ms", "longest_ms")),
            f"{each['read_rows']:,}",
            f"{each['read_bytes'] / 1e6:.1f}",
        )
        for name, each in ordered[:SLOWEST]
    ]
    quick = sum(each["p95_ms"] < 100 for each in found.values())
    table = markdown(("metric", "p50 ms", "p95 ms", "longest ms", "rows read", "MB read"), rows)
    told = f"Over {result['rows']:,} raw rows {quick} of {len(found)} metrics have a p95 under 100 ms. The slowest:"
    return f"{told}\n\n{table}"


def endpoints(result: Result) -> str:
    """Every address of metrics over HTTP, while the cache has nothing, and then."""
    rows = []
    for name, each in result["addresses"].items():
        times = (each["uncached"][figure] for figure in ("median_ms", "p95_ms"))
        cached = (each["cached"][figure] for figure in ("median_ms", "p95_ms"))
        rows.append(
            (
                f"`/v1/metrics/{name}`",
                f"{each['questions']:,}",
                *(f"{spent:.0f}" for spent in times),
                *(f"{spent:.1f}" for spent in cached),
            )
        )
    head = ("address", "questions", "uncached p50 ms", "p95 ms", "cached p50 ms", "p95 ms")
    return f"Over {result['rows']:,} raw rows:\n\n{markdown(head, rows)}"


def analytics(result: Result) -> str:
    """Each question of product analytics: its path, its times, and what it costs over the longest range."""
    rows = [
        (
            name,
            ", ".join(each["paths"]),
            *(f"{each[figure]:,.0f}" for figure in ("median_ms", "p95_ms", "cpu_ms")),
            f"{each['memory_bytes'] / 1e6:,.0f}",
            f"{each['read_rows']:,}",
            f"{each['read_bytes'] / 1e6:,.0f}",
        )
        for name, each in result.items()
    ]
    return markdown(("question", "path", "p50 ms", "p95 ms", "CPU ms", "MB of memory", "rows read", "MB read"), rows)


def indexes(result: Result) -> str:
    """What the delivery asks, with the skip indexes and without them."""
    rows = [
        (
            name,
            *(f"{each[which]['median_ms']:.0f}" for which in ("with", "without")),
            *(f"{each[which]['p95_ms']:.0f}" for which in ("with", "without")),
            *(f"{each[which]['read_rows']:,}" for which in ("with", "without")),
        )
        for name, each in result["indexes"].items()
    ]
    size = ", ".join(f"`{name}` {size / 1e6:.2f} MB" for name, size in result["index_bytes"].items())
    head = (f"asked of {result['rows']:,} rows", "p50 ms", "without", "p95 ms", "without", "rows read", "without")
    return f"On disk: {size}.\n\n{markdown(head, rows)}"


def projection(result: Result) -> str:
    """What a projection takes and gives."""
    found = [result["projection"][which] for which in ("without", "with")]
    rows = [
        ("MB on disk", *(f"{each['bytes'] / 1e6:,.1f}" for each in found)),
        ("ms of CPU an insert of 20,000 rows", *(f"{each['insert_cpu_ms']:,.0f}" for each in found)),
        ("one type in an hour: p50 ms", *(f"{each['median_ms']:.0f}" for each in found)),
        ("p95 ms", *(f"{each['p95_ms']:.0f}" for each in found)),
        ("rows read", *(f"{each['read_rows']:,}" for each in found)),
    ]
    return markdown((f"`events_raw`, {result['rows']:,} rows", "as it is", "with the projection"), rows)


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
    table = markdown(("microseconds of the server's CPU a row", "blocks of 20,000 events", "blocks of 2,000"), rows)
    large, small = (_of_a_view(inserts, word, size) for word, size in (("", 20_000), ("small_", 2_000)))
    return (
        f"{table}\n\nThe view of a rollup costs {small:.0f} ms of CPU an insert of 2,000 events and {large:.0f} ms one "
        f"of 20,000: {large / small:.1f} times as much for ten times the rows."
    )


def _of_a_view(inserts: Result, word: str, size: int) -> float:
    """Milliseconds of CPU an insert, of one of the rollups' views."""
    of_all: float = inserts[f"with_rollups_{word}us"] - inserts[f"with_families_{word}us"]
    return of_all * size / 1000 / len(ROLLUPS)


def states(result: Result) -> str:
    """Each way to keep percentiles, or to count people: its size, and the CPU of writing and of reading it."""
    rows = [
        (
            name,
            f"{each['states']:,}",
            f"{each['bytes'] / 1e6:.1f}",
            f"{each['write_us']:.1f}",
            f"{each['read_ms']:.0f}",
        )
        for name, each in result["ways"].items()
    ]
    head = (f"{result['rides']:,} rides over thirty days", "states", "MB", "us of CPU a ride written", "ms to read all")
    return markdown(head, rows)


def http(result: Result) -> str:
    """Both ways to post, beside the product's own producer."""
    ways = [result[name] for name in ("single", "batches")]
    figures = (
        ("connections", "connections", ",d"),
        ("requests a second", "requests_per_second", ",d"),
        ("events a second", "events_per_second", ",d"),
        ("against the product's own producer", "ratio_to_producer", ".3f"),
        ("request to acknowledgement, p50 ms", "p50_ms", ".0f"),
        ("p95 ms", "p95_ms", ".0f"),
        ("p99 ms", "p99_ms", ".0f"),
        ("CPU of the web process, cores", "web_cpu_share", ".2f"),
        ("microseconds of its CPU an event", "web_cpu_microseconds_an_event", ".0f"),
    )
    rows = [(text, *(f"{way[name]:{form}}" for way in ways)) for text, name, form in figures]
    heads = [f"{way['events_a_request']:,} event{'s' * (way['events_a_request'] > 1)} a request" for way in ways]
    producer = result["producer_events_per_second"]
    low, high = min(producer["rounds"]), max(producer["rounds"])
    return (
        f"Events of {result['event_bytes']:,} bytes on {result['cores']} cores, {result['seconds']:g} s each way. The "
        f"product's own producer, before and after: {producer['mean']:,} events a second ({low:,} to {high:,})."
        f"\n\n{markdown(('', *heads), rows)}"
    )


def traffic(result: Result) -> str:
    """What the cache gave to people in front of dashboards, how long they waited; a steady load if there was one."""
    answers, load = result["answers"], result.get("load")
    of_all = sum(answers.values())
    gave = _shares(answers, of_all, ".1%")
    why = _shares(result["misses"], sum(result["misses"].values()), ".0%") or "none"
    timed = [("people, all of it cached", result["cached"]), ("people, something was made", result["uncached"])]
    if load:
        timed.append((f"vegeta, {load['asked_per_second']:g} requests a second", load))
    waited = [
        (name, *(f"{each[figure]:,.1f}" for figure in ("median_ms", "p95_ms", "longest_ms")))
        for name, each in timed
        if each
    ]
    people = f"{result['visitors']} people for {result['minutes']:g} minutes at {result['speed']:g} times the speed"
    busy = f", load average {result['load_average']:g}" if "load_average" in result else ""
    count = f"{of_all:,} answers in {result['requests']:,} requests, {result['requests_per_second']:g} a second"
    return (
        f"{people}, over {result['rows']:,} raw rows, on {result['cores']} cores{busy}: {count}. "
        f"**Hit rate {result['hit_rate']:.1%}**, {result['fresh_rate']:.1%} without old answers ({gave}). "
        f"Misses: {why}.\n\n"
        f"{markdown(('milliseconds of a request', 'p50', 'p95', 'longest'), waited)}"
        f"{_load(load) if load else ''}"
    )


def _shares(counts: dict[str, int], of_all: int, form: str) -> str:
    """Names with their shares, the largest first."""
    ordered = sorted(counts.items(), key=lambda each: -each[1])
    return ", ".join(f"{name} {count / of_all:{form}}" for name, count in ordered)


def _load(load: Result) -> str:
    """A line about what a load tool sent."""
    errors = ", ".join(f"{count:,} with status {status}" for status, count in load["status_codes"].items())
    return (
        f"\n\nThe load: {load['requests']:,} requests in {load['seconds']:g} s, {errors}; the web process took "
        f"{load['web_cpu_share']:g} of a core."
    )
