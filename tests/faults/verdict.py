"""The verdict on a run: every record of the topics held to every table, by queries of its own."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from clickhouse.client import connect
from clickhouse.compare import differences
from clickhouse.feeds import days_of, targets
from deploy.local.totals import dropped
from streams.settings import Settings
from tests.faults import oracle
from tests.faults.oracle import Place, Wanted
from tests.support.found import RAW, RIDES, TICKETING, query

TABLES = (*RAW, *RIDES, *TICKETING, "dead_letters")
EVENT = "xxHash64(concat(source, '\\n', event_id, '\\n', event_type))"
BYTES = "xxHash64(concat(toString(key_is_null), key, '\\n', toString(value_is_null), value))"


class Wrong(NamedTuple):
    """One place of a topic that is not in a table as it must be."""

    topic: str
    partition: int
    offset: int
    table: str
    what: str
    """`lost`, `doubled`, `foreign` (nobody expects it there), or `changed` (the row says something else)."""


@dataclass
class Verdict:
    """What was found of a run."""

    events: int = 0
    """Records that the topics hold."""
    lost: int = 0
    doubled: int = 0
    wrong: list[Wrong] = field(default_factory=list)
    """Ordered by topic, partition and offset."""
    problems: list[str] = field(default_factory=list)
    """Everything that does not hold, in words."""

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


async def judge(settings: Settings, sent: dict[str, Any]) -> Verdict:
    """Judge all tables. Ask when no worker runs any more; `sent` is what producers say must be found."""
    verdict = await rows(settings, sent)
    verdict.problems += await rollups(settings)
    return verdict


async def rows(settings: Settings, sent: dict[str, Any]) -> Verdict:
    """Judge rows and dead letters, duplicates and samples; no rollups."""
    wanted = await oracle.read(settings)
    verdict = Verdict(events=wanted.records)
    for table in TABLES:
        _table(settings, table, wanted, verdict)
    verdict.wrong.sort()
    for word, count in sorted(Counter((each.what, each.table) for each in verdict.wrong).items()):
        verdict.problems.append(f"{count} {word[0]} in {word[1]}")
    verdict.lost = sum(each.what == "lost" for each in verdict.wrong)
    verdict.doubled = sum(each.what in ("doubled", "foreign") for each in verdict.wrong)
    left_out = await dropped(settings)
    found = {"duplicates": left_out["duplicate"], "sampled_out": left_out["sampled_out"]}
    _same(verdict, "the log of intents", found, {name: wanted.counts()[name] for name in found})
    _same(verdict, "the topics, against what producers sent,", wanted.counts(), sent)
    return verdict


def _table(settings: Settings, table: str, wanted: Wanted, verdict: Verdict) -> None:
    """Compare one table with what is wanted there, place by place."""
    partition = "partition" if table == "dead_letters" else "shard"
    says = EVENT if table in RAW else BYTES if table == "dead_letters" else "toUInt64(0)"
    reason = "reason" if table == "dead_letters" else "''"
    found: dict[Place, list[tuple[int, int, str]]] = {}
    lines = query(
        settings,
        f"SELECT topic, {partition}, groupArray((offset, {says}, toString({reason}))) FROM {table} GROUP BY ALL",
    )
    for topic, number, rows in lines:
        found[topic, number] = [(offset, hash_, word) for offset, hash_, word in rows]
    for place in sorted(wanted.rows[table].keys() | found.keys()):
        expected, reasons = wanted.rows[table].get(place, {}), wanted.reasons.get(place, {})
        rows = found.get(place, [])
        times = Counter(offset for offset, _, _ in rows)
        verdict.wrong += _wrong(table, place, expected.keys() - times.keys(), "lost")
        verdict.wrong += _wrong(table, place, times.keys() - expected.keys(), "foreign")
        twice = [offset for offset, count in times.items() if count > 1 and offset in expected]
        verdict.wrong += _wrong(table, place, twice, "doubled")
        changed = {
            offset
            for offset, hash_, word in rows
            if offset in expected and (hash_ != expected[offset] or (word and word != reasons.get(offset)))
        }
        verdict.wrong += _wrong(table, place, changed, "changed")


def _wrong(table: str, place: Place, offsets: Iterable[int], what: str) -> list[Wrong]:
    return [Wrong(*place, offset, table, what) for offset in offsets]


def _same(verdict: Verdict, what: str, found: dict[str, Any], wanted: dict[str, Any]) -> None:
    if found != wanted:
        verdict.problems.append(f"{what} tell {json.dumps(found)}, wanted is {json.dumps(wanted)}")


async def rollups(settings: Settings) -> list[str]:
    """Rollups and family tables that are not what the raw rows give."""
    client = await connect(settings)
    try:
        wrong = []
        for target in (await targets(client)).values():
            days = await days_of(client, target.sources)
            wrong += [
                f"{each.table} on {each.day}: {each.what} is {each.found}, by the raw rows {each.source}"
                for each in await differences(client, target, days)
            ]
        return wrong
    finally:
        await client.close()
