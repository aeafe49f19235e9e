"""The verdict on a run: every record of the topics held to every table, by queries of its own."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from clickhouse.client import connect
from clickhouse.compare import differences
from clickhouse.feeds import days_of, targets
from streams.events import registry
from streams.settings import Settings
from streams.world.truth import FAMILIES
from tests.faults.oracle import CONTESTED_TYPE, Place, Says, Wanted
from tests.support.found import RAW, RIDES, TICKETING, query
from tests.support.promises import misplaced

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


async def judge(settings: Settings, wanted: Wanted, left_out: Counter[str], sent: dict[str, Any]) -> Verdict:
    """Judge all tables. Ask when no worker runs any more.

    `wanted` is what the topics say, `left_out` what the log of intents says, `sent` what producers say must be found.
    """
    verdict = rows(settings, wanted, left_out, sent)
    verdict.problems += await rollups(settings)
    return verdict


def rows(settings: Settings, wanted: Wanted, left_out: Counter[str], sent: dict[str, Any]) -> Verdict:
    """Judge rows and dead letters, duplicates and samples; no rollups."""
    verdict = Verdict(events=wanted.records)
    found = {table: _found(settings, table) for table in TABLES}
    verdict.wrong += settle_contested(wanted, found)
    for table in TABLES:
        verdict.wrong += compare(table, wanted.rows[table], found[table])
    verdict.wrong.sort()
    for word, count in sorted(Counter((each.what, each.table) for each in verdict.wrong).items()):
        verdict.problems.append(f"{count} {word[0]} in {word[1]}")
    verdict.lost = sum(each.what == "lost" for each in verdict.wrong)
    verdict.doubled = sum(each.what in ("doubled", "foreign") for each in verdict.wrong)
    counted = {"duplicates": left_out["duplicate"], "sampled_out": left_out["sampled_out"]}
    _same(verdict, "the log of intents", counted, {name: wanted.counts()[name] for name in counted})
    _same(verdict, "the topics, against what producers sent,", wanted.counts(), sent)
    return verdict


def _found(settings: Settings, table: str) -> dict[Place, Says]:
    """What a table holds, in the form of what is wanted."""
    partition = "partition" if table == "dead_letters" else "shard"
    says = EVENT if table in RAW else BYTES if table == "dead_letters" else "toUInt64(0)"
    reason = "reason" if table == "dead_letters" else "''"
    found: dict[Place, Says] = {}
    lines = query(
        settings,
        f"SELECT topic, {partition}, groupArray((offset, {says}, toString({reason}))) FROM {table} GROUP BY ALL",
    )
    for topic, number, held in lines:
        place = found[topic, number] = {}
        for offset, hash_, word in held:
            place.setdefault(offset, []).append((hash_, word))
    return found


def compare(table: str, wanted: Mapping[Place, Says], found: Mapping[Place, Says]) -> list[Wrong]:
    """Compare one table with what is wanted there, place by place."""
    return [
        Wrong(*place, offset, table, what)
        for place in sorted(wanted.keys() | found.keys())
        for offset, what in misplaced(wanted.get(place, {}), found.get(place, {}))
    ]


def settle_contested(wanted: Wanted, found: dict[str, dict[Place, Says]]) -> list[Wrong]:
    """Of an event that versions judge differently there is one row with its family's, or one dead letter.

    They are taken out of what was found, for the others to be compared.
    """
    spec = registry.events[CONTESTED_TYPE]
    raw, family = spec.domain.raw_table, FAMILIES[spec.topic]
    wrong: list[Wrong] = []
    for place, events in wanted.contested.items():
        for offset, (row, letter) in events.items():
            rows = _take(found[raw], place, offset, row)
            times = rows + _take(found["dead_letters"], place, offset, letter)
            if times != 1:
                wrong.append(Wrong(*place, offset, raw, "doubled" if times else "lost"))
            if _take(found[family], place, offset, 0, rows) < rows:
                wrong.append(Wrong(*place, offset, family, "lost"))
    return wrong


def _take(found: dict[Place, Says], place: Place, offset: int, hash_: int, most: int | None = None) -> int:
    """Take rows that say this out of a table, `most` if given; tells how many there were."""
    held = found.get(place, {}).get(offset, [])
    fitting = [each for each in held if each[0] == hash_][:most]
    for each in fitting:
        held.remove(each)
    if not held and place in found:
        found[place].pop(offset, None)
    return len(fitting)


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
