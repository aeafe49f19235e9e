"""The dead letters as people work with them: found by filter, grouped by cause, with all that was done to them."""

from collections.abc import Mapping, Sequence
from typing import Any

from clickhouse_connect.driver.asyncclient import AsyncClient

from clickhouse.client import classify, native, unrepeated
from streams.errors import ConfigurationError
from streams.headers import as_text
from streams.letter import ATTEMPT_HEADER, Action, Cause, Filter, Letter, LetterId, State

_STATES = """
SELECT topic, partition, offset, chain,
    argMaxIf(concat(action_kind, '/', last_phase), last_at, last_phase != 'failed') AS last,
    groupArray(action) AS actions
FROM (
    SELECT topic, partition, offset, chain, action, any(kind) AS action_kind,
        argMax(phase, (at, phase != 'begun')) AS last_phase, max(at) AS last_at
    FROM dead_letter_actions GROUP BY topic, partition, offset, chain, action
)
GROUP BY topic, partition, offset, chain
"""
_CAUSE = "lower(substring(hex(sipHash64(reason, event_type, field)), 1, 8))"
# A letter without any action joins the empty string: that is its state `open`.
_LETTERS = f"""
SELECT l.topic AS topic, l.partition AS partition, l.offset AS offset, l.chain AS chain,
    l.ingested_at AS ingested_at, l.appended_at AS appended_at, l.reason AS reason, l.field AS field,
    l.message AS message, l.event_type AS event_type, l.event_id AS event_id, l.source AS source,
    l.schema_version AS schema_version, l.app_version AS app_version, l.intent AS intent,
    {_CAUSE} AS cause,
    toUInt16OrZero(tupleElement(arrayFirst(h -> h.1 = '{ATTEMPT_HEADER}', l.headers), 2)) AS attempt,
    multiIf(s.last = 'replay/begun', 'uncertain', s.last = 'replay/done', 'replayed',
        s.last = 'discard/done', 'discarded', 'open') AS state,
    s.actions AS actions, l.key AS key, l.value AS value, l.headers AS headers, l.key_is_null AS key_is_null,
    l.value_is_null AS value_is_null, l.null_headers AS null_headers
FROM dead_letters AS l
LEFT JOIN ({_STATES}) AS s
    ON l.topic = s.topic AND l.partition = s.partition AND l.offset = s.offset AND l.chain = s.chain
"""
_SHORT = (
    "topic, partition, offset, chain, ingested_at, appended_at, reason, field, message, event_type, event_id, source, "
    "schema_version, app_version, intent, cause, attempt, state, actions"
)
_ACTION_COLUMNS = {
    "topic": "LowCardinality(String)",
    "partition": "UInt16",
    "offset": "UInt64",
    "chain": "String",
    "action": "String",
    "kind": "LowCardinality(String)",
    "phase": "LowCardinality(String)",
    "attempt": "UInt16",
    "actor": "LowCardinality(String)",
    "note": "String",
    "to_topic": "LowCardinality(String)",
    "to_partition": "UInt16",
    "to_offset": "UInt64",
    "edited": "Bool",
    "value": "String",
}
_ACTION = ", ".join(list(_ACTION_COLUMNS)[4:])
_CAUSES = """
SELECT cause, any(reason) AS reason, any(event_type) AS event_type, any(field) AS field, count() AS count,
    countIf(state = 'open') AS open, min(ingested_at) AS first_seen, max(ingested_at) AS last_seen,
    argMax(app_version, ingested_at) AS app_version, argMax(message, ingested_at) AS message,
    argMax(concat(topic, ':', toString(partition), ':', toString(offset), '@', chain), ingested_at) AS example
"""


class DeadLetters:
    """The tables `dead_letters` and `dead_letter_actions`. Every method raises what `classify` says."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    async def newest(self, chosen: Filter, limit: int) -> list[Letter]:
        """The newest letters first, without their records."""
        where, given = condition(chosen)
        rows = await self._query(
            f"SELECT {_SHORT} FROM ({_LETTERS}) WHERE {where} "
            "ORDER BY ingested_at DESC, topic, partition, offset LIMIT {limit:UInt64}",
            given | {"limit": limit},
        )
        return [_letter(row) for row in rows]

    async def page(self, chosen: Filter, after: LetterId | None, limit: int) -> list[Letter]:
        """Letters with their records by position in Kafka, from behind `after` on."""
        where, given = condition(chosen)
        if after is not None:
            where += (
                " AND (topic, partition, offset, chain) > "
                "({a_topic:String}, {a_partition:UInt16}, {a_offset:UInt64}, {a_chain:String})"
            )
            given |= dict(zip(("a_topic", "a_partition", "a_offset", "a_chain"), after, strict=True))
        rows = await self._query(
            f"SELECT * FROM ({_LETTERS}) WHERE {where} ORDER BY topic, partition, offset, chain LIMIT {{limit:UInt64}}",
            given | {"limit": limit},
        )
        return [_letter(row) for row in rows]

    async def by_id(self, ids: Sequence[LetterId]) -> list[Letter]:
        """The letters of these ids, with their records, in this order.

        Raises ConfigurationError for an id that names none, or several.
        """
        if not ids:
            return []
        found: dict[str, list[Letter]] = {}
        for letter in await self.page(Filter(ids=ids), None, len(ids) * 20):
            found.setdefault(letter.id.short, []).append(letter)
        return [_one(wanted, found.get(wanted.short, [])) for wanted in ids]

    async def count(self, chosen: Filter) -> dict[State, int]:
        """How many letters are in each state."""
        where, given = condition(chosen)
        rows = await self._query(
            f"SELECT state, count() AS letters FROM ({_LETTERS}) WHERE {where} GROUP BY state", given
        )
        return {State(_text(row["state"])): int(row["letters"]) for row in rows}

    async def causes(self, chosen: Filter, limit: int) -> list[Cause]:
        """The letters grouped by what they say, most first."""
        where, given = condition(chosen)
        rows = await self._query(
            f"{_CAUSES} FROM ({_LETTERS}) WHERE {where} "
            "GROUP BY cause ORDER BY count DESC, cause LIMIT {limit:UInt64}",
            given | {"limit": limit},
        )
        return [Cause(**{name: _plain(name, cell) for name, cell in row.items()}) for row in rows]

    async def history(self, letter: LetterId) -> list[Action]:
        """What was done to one letter, oldest first."""
        rows = await self._query(
            f"SELECT {_ACTION}, at FROM dead_letter_actions WHERE topic = {{topic:String}} "
            "AND partition = {partition:UInt16} AND offset = {offset:UInt64} AND chain = {chain:String} "
            "ORDER BY at, phase != 'begun'",
            letter._asdict(),
        )
        return [Action(letter=letter, **{name: _plain(name, cell) for name, cell in row.items()}) for row in rows]

    async def actions(self, letters: Sequence[LetterId]) -> Mapping[LetterId, set[str]]:
        """The actions of each of these letters."""
        rows = await self._query(
            "SELECT topic, partition, offset, chain, groupUniqArray(action) AS actions FROM dead_letter_actions "
            "WHERE offset IN {offsets:Array(UInt64)} GROUP BY topic, partition, offset, chain",
            {"offsets": [letter.offset for letter in letters]},
        )
        found = {_id(row): set(map(_text, row["actions"])) for row in rows}
        return {letter: found.get(letter, set()) for letter in letters}

    async def write(self, actions: Sequence[Action]) -> None:
        """Append lines to the audit, in one block."""
        rows = [[*a.letter, *(getattr(a, name) for name in list(_ACTION_COLUMNS)[4:])] for a in actions]
        body = native(list(_ACTION_COLUMNS), list(_ACTION_COLUMNS.values()), rows)
        try:
            await self._client.raw_insert(
                "dead_letter_actions",
                column_names=list(_ACTION_COLUMNS),
                insert_block=unrepeated(body),
                fmt="Native",
                settings={"async_insert": 0},
            )
        except Exception as error:
            raise classify(error) from error

    async def _query(self, sql: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
        # A letter may hold any bytes, so all strings are read as bytes.
        try:
            result = await self._client.query(sql, parameters=parameters, query_formats={"*String*": "bytes"})
        except Exception as error:
            raise classify(error) from error
        return list(result.named_results())


def condition(chosen: Filter) -> tuple[str, dict[str, Any]]:
    """A filter as a condition over the columns of a letter, and its parameters."""
    parts: list[str] = []
    given: dict[str, Any] = {}
    lists = {
        "reason": chosen.reasons,
        "event_type": chosen.types,
        "topic": chosen.topics,
        "source": chosen.sources,
        "field": chosen.fields,
        "cause": chosen.causes,
        "state": [str(state) for state in chosen.states],
    }
    for column, values in lists.items():
        if values:
            parts.append(f"{column} IN {{{column}_in:Array(String)}}")
            given[f"{column}_in"] = list(values)
    if chosen.ids:
        parts.append(
            "offset IN {id_offsets:Array(UInt64)} AND has({ids:Array(String)}, "
            "concat(topic, ':', toString(partition), ':', toString(offset)))"
        )
        given |= {"id_offsets": [i.offset for i in chosen.ids], "ids": [i.short for i in chosen.ids]}
    for name, when, sign in (("since", chosen.since, ">="), ("until", chosen.until, "<")):
        if when is not None:
            parts.append(f"ingested_at {sign} fromUnixTimestamp64Milli({{{name}:Int64}})")
            given[name] = int(when.timestamp() * 1000)
    if chosen.most_attempts is not None:
        parts.append("attempt <= {most_attempts:UInt16}")
        given["most_attempts"] = chosen.most_attempts
    return " AND ".join(parts) or "1", given


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")


def _plain(name: str, cell: Any) -> Any:
    """Text as text; only a record's own bytes stay bytes."""
    return _text(cell) if isinstance(cell, bytes) and name not in ("key", "value") else cell


def _id(row: Mapping[str, Any]) -> LetterId:
    return LetterId(_text(row["topic"]), row["partition"], row["offset"], _text(row["chain"]))


def _letter(row: Mapping[str, Any]) -> Letter:
    own = {name: _plain(name, cell) for name, cell in row.items() if name not in LetterId._fields}
    own["state"] = State(own["state"])
    own["actions"] = frozenset(map(_text, own["actions"]))
    own["schema_version"] = own["schema_version"] or None  # versions begin with 1
    return Letter(id=_id(row), **own | _record(own))


def _record(own: dict[str, Any]) -> dict[str, Any]:
    """Key, value and headers where they were asked for; what the table says was null is null again."""
    if "value" not in own:
        return {}
    key = None if own.pop("key_is_null") else own["key"]
    value = None if own.pop("value_is_null") else own["value"]
    nulls = set(own.pop("null_headers"))
    headers = tuple((as_text(name), None if at in nulls else text) for at, (name, text) in enumerate(own["headers"]))
    return {"key": key, "value": value, "headers": headers}


def _one(wanted: LetterId, found: Sequence[Letter]) -> Letter:
    fitting = [letter for letter in found if letter.id.chain.startswith(wanted.chain)]
    if not fitting:
        raise ConfigurationError(f"no dead letter {wanted}; `millrace dlq list --state any` shows what there is")
    if len(fitting) > 1:
        listed = ", ".join(str(letter.id) for letter in fitting)
        raise ConfigurationError(f"{wanted} names {len(fitting)} dead letters; name one of {listed}")
    return fitting[0]
