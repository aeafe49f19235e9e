"""Rows as the worker writes them, from events as producers send them."""

import json
import secrets
import time
from collections.abc import Sequence
from functools import cache
from typing import Any

from agents import places
from agents.judge import Accepted, Judged
from agents.locate import Locate
from agents.render import Render, lines
from streams import codec
from streams.intent import Intent
from streams.world import zones


@cache
def _render() -> Render:
    return Render(Locate(zones.points(), places.load()))


def decoded(events: Sequence[dict[str, Any]]) -> list[Any]:
    """Events as structs; fails if validation refuses one."""
    found = codec.decode_values([json.dumps(event).encode() for event in events])
    refused = [each for each in found if isinstance(each, codec.Refusal)]
    assert not refused, refused
    return found


def intent(seq: int = 1, at: int | None = None) -> Intent:
    """A record whose rows are fresh now, or were so at `at` (milliseconds since 1970)."""
    made = int(time.time() * 1000) if at is None else at
    return Intent(chain="chain", seq=seq, previous="", nonce=secrets.token_hex(8), ranges={}, ingested_at=made)


def bodies(events: Sequence[Any], record: Intent, first: int = 0, shard: int = 1) -> dict[str, bytes]:
    """JSON lines per raw table of these structs, as one batch; offsets count from `first` in each topic."""
    parts: dict[str, Accepted] = {}
    for event in events:
        part = parts.setdefault(event.spec.topic, Accepted(event.spec.topic, shard))
        part.offsets.append(first + len(part.offsets))
        part.stamps.append(record.ingested_at - 50)
        part.events.append(event)
    content = _render()(Judged(accepted=list(parts.values())), 1.0, record.ingested_at)
    return {table: b"".join(lines(halves, record, 7, shard)) for table, halves in content.tables.items()}
