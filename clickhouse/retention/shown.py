"""How long the rows of a table stay, in the words of a page: on which tier until which age, and what comes then."""

from collections.abc import Iterator
from dataclasses import dataclass

from clickhouse.retention.rules import EVER, SHIPPED, Class, Rules, parse
from clickhouse.retention.ttl import Live, is_kept
from streams.settings import Settings


@dataclass(frozen=True, slots=True)
class Stay:
    """Ages in days, as text; `ever` never ends, empty: there is no such stage."""

    hot: str
    cold: str = ""
    then: str = ""
    """What happens at the end of the last stage, and what a row loses before."""


def shipped() -> Rules:
    """The product's own policy under the defaults of all settings, whatever the environment says."""
    return parse(SHIPPED.read_text("utf-8"), Settings.model_construct(), "shipped")


def stay(live: Live | None, rules: Rules) -> Stay:
    """What the policy says of a table; of None, which keeps no rows, nothing."""
    if live is None:
        return Stay("")
    kind = rules.of(live.name, live.engine)
    if is_kept(kind, live):
        stages = (EVER,) if kind.hot is None or live.column is None else (str(kind.hot), EVER)
        return Stay(*stages)
    then = "; ".join([_end(kind), *_coarse(live.name, rules)])
    return Stay(str(kind.hot), str(kind.cold) if kind.has_cold else "", then)


def _end(kind: Class) -> str:
    if not kind.has_archive:
        return "dropped"
    return "archived for ever" if kind.archive is None else f"archived until {kind.archive}"


def _coarse(table: str, rules: Rules) -> Iterator[str]:
    for after, columns in rules.coarse(table):
        yield f"{', '.join(f'`{column}`' for column in columns)} NULL from {after}"
