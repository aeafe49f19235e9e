"""What the outage measured says, for docs/operations.md."""

from typing import Any

COMMAND = "`make bench ARGS=outage`"


def outage(result: dict[str, Any]) -> str:
    """The table, and how it came about."""
    rows = (
        ("memory of the worker before, MB at most", f"{result['megabytes_before']:,}"),
        ("during the outage", f"{result['megabytes_away']:,}"),
        ("while it takes what has gathered", f"{result['megabytes_after']:,}"),
        (
            "of it records not delivered, MB at most (and `BUFFER_BYTES`)",
            f"{result['buffered_megabytes_away']:,.1f} ({result['buffer_megabytes']:,.1f})",
        ),
        ("lag, records at most", f"{result['lag_away']:,}"),
        ("share of a core while it can do nothing", f"{result['cpu_share_away']:.0%}"),
        ("lines of its log, as long as the outage lasts", f"{result['lines_away']:,}"),
        ("`/ready` says 503 after, seconds", f"{result['not_ready_after_seconds']:.1f}"),
        ("ClickHouse back: the first row after, seconds", f"{result['first_row_after_seconds']:.1f}"),
        ("every event taken after, seconds", f"{result['caught_up_after_seconds']:,.0f}"),
        (
            "events sent, taken, doubled",
            f"{result['events']:,}, {result['events_taken']:,}, {result['rows_doubled']:,}",
        ),
    )
    head = (
        f"{result['minutes']:g} minutes without ClickHouse at {result['rate']:,} events a second, one worker, on "
        f"{result['cores']} cores with broker, ClickHouse and producer ({COMMAND}):"
    )
    lines = [head, "", "| figure | measured |", "|---|---|", *(f"| {what} | {figure} |" for what, figure in rows)]
    return "\n".join(lines)
