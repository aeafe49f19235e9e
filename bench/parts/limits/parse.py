"""msgspec over values in memory. The argument `whole` makes plain objects of all they hold; `scan` reads two fields.

`scan` is what type and time cost: the rest of a value is only looked through.
"""

import asyncio
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import aclosing

import msgspec

from bench.parts import lap as laps
from bench.parts.limits.fetched import fetched
from bench.parts.work import REFUSED, Found, read

CHUNK = 5000
"""Values that are parsed before they are counted."""


async def stored(servers: str, count: int) -> list[bytes]:
    """So many values."""
    values: list[bytes] = []
    async with aclosing(fetched(servers)) as found:
        async for _, records in found:
            values += [record.value for record in records]
            if len(values) >= count:
                break
    return values


def whole(values: Iterable[bytes]) -> list[str]:
    """Their types, each value made an object."""
    kinds = []
    for value in values:
        try:
            kinds.append(msgspec.json.decode(value)["type"])
        except (msgspec.MsgspecError, UnicodeDecodeError):
            kinds.append(REFUSED)
    return kinds


def scan(values: Iterable[bytes]) -> list[str]:
    """Their types, each value looked through."""
    return [REFUSED if each is None else each.type for each in map(read, values)]


WAYS: dict[str, Callable[[Iterable[bytes]], list[str]]] = {"whole": whole, "scan": scan}


def main(way: str) -> None:
    """Parse all."""
    lap = laps.given()
    values = asyncio.run(stored(lap.place.servers, lap.order.records))
    kinds: Counter[str] = Counter()

    def found() -> Found:
        return dict(kinds)

    lap.ready()
    for first in range(0, len(values), CHUNK):
        part = values[first : first + CHUNK]
        kinds.update(WAYS[way](part))
        lap.seen(len(part), found)


if __name__ == "__main__":
    main(sys.argv[1])
