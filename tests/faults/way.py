"""The ways from workers to other parts, and what can befall them: a function begins it and returns how it ends."""

from collections.abc import Callable, Sequence

from tests.support.proxy import Proxy, ProxyThread

PRODUCE = b"\0\0"
"""The key of a Produce request; it follows the four bytes of the request's length."""


class KafkaWay(Proxy):
    """A proxy that knows which requests append records: aiokafka writes each request in one piece."""

    def is_insert(self, data: bytes) -> bool:
        """Whether a Produce request begins with these bytes."""
        return len(data) > 8 and data[4:6] == PRODUCE


def away(ways: Sequence[ProxyThread]) -> Callable[[], None]:
    """They refuse connections."""

    def accept(way: Proxy) -> None:
        way.refuses = False

    return _befalls(ways, Proxy.refuse, accept)


def late(ways: Sequence[ProxyThread], seconds: float) -> Callable[[], None]:
    """Every piece comes so much later."""

    def delayed(by: float) -> Callable[[Proxy], None]:
        def change(way: Proxy) -> None:
            way.delay = by

        return change

    return _befalls(ways, delayed(seconds), delayed(0))


def held_back(ways: Sequence[ProxyThread]) -> Callable[[], None]:
    """What workers send is kept back, and passed on at the end."""
    return _befalls(ways, lambda way: way.passes.clear(), lambda way: way.passes.set())


def swallowing(ways: Sequence[ProxyThread], count: int) -> Callable[[], None]:
    """Each takes so many inserts or appends and cuts the connection before the answer."""

    def swallows(number: int) -> Callable[[Proxy], None]:
        def change(way: Proxy) -> None:
            way.swallows = number

        return change

    return _befalls(ways, swallows(count), swallows(0))


def stalling(ways: Sequence[ProxyThread], count: int) -> Callable[[], None]:
    """Each keeps back the bodies of so many inserts, and passes them on at the end."""

    def begin(way: Proxy) -> None:
        way.bodies.clear()
        way.stalls = count

    def end(way: Proxy) -> None:
        way.stalls = 0
        way.bodies.set()

    return _befalls(ways, begin, end)


def _befalls(
    ways: Sequence[ProxyThread], begin: Callable[[Proxy], object], end: Callable[[Proxy], object]
) -> Callable[[], None]:
    def change(to: Callable[[Proxy], object]) -> None:
        for way in ways:
            way.do(to)

    change(begin)
    return lambda: change(end)
