"""What decoding, validating and rendering an event costs: `python -m bench.decode` prints one line of JSON."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

from agents import places
from agents.judge import Accepted, Judged
from agents.locate import Locate
from agents.render import Render
from streams import codec
from streams.events import registry
from streams.events.sample import sample
from streams.world import zones

EVENTS = 20_000
CHUNK = 5_000
ROUNDS = 7


def realistic(events: int, seed: int) -> list[bytes]:
    """Events of all types of both domains, those with an amount and pings more often, around 400 bytes each."""
    rng = Random(seed)
    specs = list(registry.events.values())
    weights = [4 if spec.amounts or spec.positions else 1 for spec in specs]
    chosen = rng.choices(specs, weights, k=events)
    return [json.dumps(sample(spec, rng), separators=(",", ":"), ensure_ascii=False).encode() for spec in chosen]


def main() -> None:
    """Measure, best of several rounds, and print."""
    values = realistic(EVENTS, 1)
    broken = [value if n % 100 else value[:-2] for n, value in enumerate(values)]
    assert not any(isinstance(row, codec.Refusal) for row in codec.decode_values(values))
    figures = {
        "bytes_per_event": round(sum(map(len, values)) / EVENTS, 1),
        "decode_us": _best(_fetched(values, CHUNK), codec.decode_values),
        "decode_one_percent_broken_us": _best(_fetched(broken, CHUNK), codec.decode_values),
        "rows_us": _best(_fetched(values, CHUNK, codec.decode_values), _rendering()),
        "pydantic_us": _best(_fetched(values, 500), lambda chunk: [codec.judge(v, registry, None) for v in chunk]),
    }
    sys.stdout.write(json.dumps(figures) + "\n")


def _rendering() -> Callable[[list[Any]], object]:
    """Makes the columns of decoded events of any topic."""
    render = Render(Locate(zones.points(), places.load()))

    def work(events: list[Any]) -> object:
        topics: dict[str, Accepted] = {}
        for offset, event in enumerate(events):
            part = topics.setdefault(event.spec.topic, Accepted(event.spec.topic, 0))
            part.events.append(event)
            part.offsets.append(offset)
            part.stamps.append(0)
        return render(Judged(list(topics.values())), 1.0, 0)

    return work


def _fetched(values: list[bytes], size: int, then: Callable[[Any], Any] = list) -> Callable[[], Iterator[Any]]:
    """Chunks of newly made bytes, as a fetch leaves them: in the processor's cache, not in one place for ever."""

    def chunks() -> Iterator[Any]:
        for n in range(0, EVENTS, CHUNK):
            yield then([bytes(bytearray(value)) for value in values[n : n + size]])

    return chunks


def _best(chunks: Callable[[], Iterator[Any]], work: Callable[[Any], object]) -> float:
    """Microseconds of CPU an event, of the quickest round; making the chunks is not counted."""
    best = float("inf")
    for _ in range(ROUNDS):
        spent, events = 0.0, 0
        for chunk in chunks():
            begun = time.thread_time()
            work(chunk)
            spent += time.thread_time() - begun
            events += len(chunk)
        best = min(best, spent / events)
    return round(best * 1e6, 3)


if __name__ == "__main__":
    main()
