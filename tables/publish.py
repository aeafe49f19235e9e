"""Publish the panes of a shard to Redis, where one reader sees all workers."""

import secrets
from collections.abc import Iterator, Sequence
from enum import IntEnum
from pathlib import Path
from typing import Any

import msgspec
from redis.asyncio import Redis

from tables.panes import Panes, Touched
from tables.wire import Status, encode_key, encode_states, news_channel, pane_key, shard_key, shards_key

SCRIPT = (Path(__file__).parent / "publish.lua").read_text()
LINES = 5_000
"""Lines of one call of the script; Redis answers nobody else while it runs."""
SLACK = 600
"""Seconds that a pane stays in Redis after its owner would have dropped it."""

Group = tuple[str, list[str]]
"""A pane's key, and its fields and values in turn; none: it is to be dropped."""


class Answer(IntEnum):
    """What the script says."""

    FORGOTTEN = -1
    REFUSED = 0
    DONE = 1


class Publisher:
    """Publishes one shard, from one recovery to the next."""

    def __init__(self, redis: Redis, group: str, panes: Panes) -> None:
        self._script = redis.register_script(SCRIPT)
        self._group = group
        self._panes = panes
        self._epoch = ""
        self._dialect = panes.declared.dialect
        self._calls = 0
        """Of this epoch, which Redis has taken."""
        self._whole = True
        longest = max((slices.keep + slices.pane for slices in panes.declared.slices.values()), default=0)
        self._seconds = longest + SLACK
        shard = panes.shard
        self._keys = [shard_key(group, shard), shards_key(group), f"{group}:live:panes:{shard}", news_channel(group)]

    async def publish(self, seq: int, status: Status, changed: Touched, gone: Sequence[tuple[str, int]]) -> bool:
        """Send these changes since the last call, or everything if Redis does not know it.

        `seq` is the stamp. False if a later owner of the shard has published. Raises RedisError; then everything is
        sent next time.
        """
        groups = self._all() if self._whole else self._some(changed, gone)
        if self._whole:
            self._epoch, self._calls = secrets.token_hex(8), 0
        self._whole = True  # until all of it is there
        text = msgspec.json.encode(msgspec.structs.replace(status, epoch=self._epoch, dialect=self._dialect))
        for chunk, last in _chunks(groups):
            answer = await self._call(seq, text if last else b"", chunk)
            if answer is Answer.REFUSED:
                return False
            if answer is Answer.FORGOTTEN:
                return await self.publish(seq, status, {}, ())
        self._whole = False
        return True

    async def _call(self, seq: int, status: bytes, groups: list[Group]) -> Answer:
        # One argument, because redis-py packs each of them in Python; of texts, because Redis's Lua reads no bytes.
        told = msgspec.msgpack.encode(groups)
        arguments: list[Any] = [self._panes.shard, seq, self._epoch, self._calls, status, self._seconds, told]
        answer = Answer(int(await self._script(keys=self._keys, args=arguments)))
        self._calls += answer is Answer.DONE
        return answer

    def _all(self) -> Iterator[Group]:
        for slices, start, pane in self._panes:
            yield from self._groups_of(slices.name, start, list(pane))

    def _some(self, changed: Touched, gone: Sequence[tuple[str, int]]) -> Iterator[Group]:
        for name, start in gone:
            yield pane_key(self._group, self._panes.declared.slices[name], self._panes.shard, start), []
        for (name, start), keys in changed.items():
            yield from self._groups_of(name, start, list(keys))

    def _groups_of(self, name: str, start: int, keys: list[Any]) -> Iterator[Group]:
        slices = self._panes.declared.slices[name]
        for first in range(0, len(keys), LINES):
            # A pane may have been dropped while an earlier call was on its way.
            pane = self._panes.table.get((name, self._panes.shard, start), {})
            fields: list[str] = []
            for key in keys[first : first + LINES]:
                if line := pane.get(key):
                    fields += (encode_key(key), encode_states(slices, line.states))
            if fields:
                yield pane_key(self._group, slices, self._panes.shard, start), fields


def _chunks(groups: Iterator[Group]) -> Iterator[tuple[list[Group], bool]]:
    """The groups in calls of bounded size, and which is the last; one empty call if there are none."""
    chunk: list[Group] = []
    lines = 0
    for group in groups:
        size = max(1, len(group[1]) // 2)
        if chunk and lines + size > LINES:
            yield chunk, False
            chunk, lines = [], 0
        chunk.append(group)
        lines += size
    yield chunk, True
