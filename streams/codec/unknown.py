"""Unknown fields, counted on a sample: a producer ahead of this version shows up without slowing the stream."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec

from streams.codec.structs import EnvelopeStruct
from streams.codec.verdict import Refusal

_object = msgspec.json.Decoder(dict[str, Any])


def unknown_fields(
    values: Sequence[bytes | None],
    results: Sequence[EnvelopeStruct | Refusal],
    every: int = 100,
    start: int = 0,
) -> Counter[tuple[str, str]]:
    """How many events carry a field that their class lacks, by (event type, path of the field).

    An estimate: every `every`-th event is looked at and counts for as many; `every=1` is exact, at some 5 us an event.
    `start` is the number of the first one in its log, so that a log is looked at alike however it is cut into chunks.
    """
    found: Counter[tuple[str, str]] = Counter()
    chosen = slice(-start % every, None, every)
    for value, result in zip(values[chosen], results[chosen], strict=True):
        if value is None or isinstance(result, Refusal):
            continue
        config: Any = type(result).__struct_config__
        try:
            whole = _object.decode(value)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            continue  # what the decoder skips may hold what Python cannot, such as 1e999
        for path in _extra(whole, result, ""):
            found[str(config.tag), path] += every
    return found


def _extra(given: dict[str, Any], struct: msgspec.Struct, path: str) -> list[str]:
    known = struct.__struct_fields__
    extra = [f"{path}{name}" for name in given if name not in known and (path or name != "type")]
    for name, value in given.items():
        if isinstance(value, dict) and isinstance(inner := getattr(struct, name, None), msgspec.Struct):
            extra += _extra(value, inner, f"{path}{name}.")
    return extra
