"""From a request to the bytes of its events: the modes of CloudEvents over HTTP, and lines of JSON."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import unquote

import msgspec

from api.problems import Problem
from streams.codec import Refusal, malformed
from streams.codec.binary import structured


class Mode(StrEnum):
    """How events travel in a request."""

    STRUCTURED = "structured"
    """One event as JSON."""
    BINARY = "binary"
    """One event: attributes in `ce-` headers, the data as the body."""
    BATCH = "batch"
    """A JSON array of events."""
    NDJSON = "ndjson"
    """One event a line."""


JSON_TYPE: Final = "application/json"
TYPES: Final = {
    "application/cloudevents+json": Mode.STRUCTURED,
    JSON_TYPE: Mode.STRUCTURED,
    "application/cloudevents-batch+json": Mode.BATCH,
    "application/x-ndjson": Mode.NDJSON,
    "application/ndjson": Mode.NDJSON,
    "application/jsonl": Mode.NDJSON,
}
"""Mode by media type; under `application/json` an array is a batch."""

_array = msgspec.json.Decoder(list[msgspec.Raw])


@dataclass(frozen=True, slots=True)
class Items:
    """The events of one request."""

    mode: Mode
    values: list[bytes]
    refusal: Refusal | None = None
    """Why the one event of binary mode cannot be put together; then there are no values."""

    @property
    def count(self) -> int:
        """How many events were meant."""
        return len(self.values) or int(self.refusal is not None)


def mode_of(headers: Mapping[str, str], modes: frozenset[Mode]) -> Mode:
    """How the events travel, by the headers. Raises Problem (415) where this address does not take them so."""
    given = headers.get("content-type", "")
    name, _, parameters = given.partition(";")
    media_type = name.strip().lower()
    binary = "ce-specversion" in headers and not media_type.startswith("application/cloudevents")
    mode = Mode.BINARY if binary else TYPES.get(media_type)
    charset = parameters.lower().replace(" ", "").replace('"', "")
    if mode in modes and ("charset=" not in charset or "charset=utf-8" in charset):
        return mode
    known = [name for name, of_type in TYPES.items() if of_type in modes]
    raise Problem(
        415,
        "unsupported_media_type",
        "The media type is not understood here",
        f"Content-Type {given[:80]!r} is not taken here; send one of {', '.join(known)}, in UTF-8.",
        headers={"Accept": ", ".join(known)},
    )


def split(mode: Mode, headers: Mapping[str, str], body: bytes, limit: int) -> Items:
    """The events of a body, `limit` of them at most. Raises Problem where it cannot be taken apart."""
    if mode is Mode.BINARY:
        return _binary(headers, body)
    if mode is Mode.NDJSON:
        if body.count(b"\n") > 2 * limit:  # blank lines are no events, but a body of nothing else is no batch either
            raise too_many(limit)
        found = [line for line in (line.strip() for line in body.split(b"\n")) if line]
    elif mode is Mode.BATCH or body.lstrip(b" \t\r\n").startswith(b"["):
        mode, found = Mode.BATCH, _items(body)
    else:
        found = [body.strip(b" \t\r\n")]
    if len(found) > limit:
        raise too_many(limit)
    if not found or found == [b""]:
        raise Problem(400, "no_events", "The body holds no event", "Send a CloudEvent, or a batch of at least one.")
    return Items(mode, found)


def too_many(limit: int) -> Problem:
    """The answer to a batch of too many events."""
    detail = f"A request may hold {limit} events (INGEST_ITEMS). Nothing was sent; send smaller batches."
    return Problem(413, "too_many_events", "The batch has too many events", detail, limit=limit)


def _items(body: bytes) -> list[bytes]:
    try:
        str(body, "utf-8")
        return [bytes(item) for item in _array.decode(body)]
    except (UnicodeDecodeError, msgspec.MsgspecError, RecursionError) as error:
        detail = f"A batch should be one JSON array of CloudEvents in UTF-8: {error}. Nothing was sent."
        raise Problem(400, "bad_batch", "The batch cannot be read", detail) from None


def _binary(headers: Mapping[str, str], body: bytes) -> Items:
    """As the worker puts a Kafka record together, whose header names have an underscore in the place of the dash."""
    attributes = [(f"ce_{n[3:]}", unquote(v).encode()) for n, v in headers.items() if n.startswith("ce-")]
    if (content := headers.get("content-type")) is not None:
        attributes.append(("content-type", content.encode()))
    try:
        return Items(Mode.BINARY, [structured(attributes, body)])
    except ValueError as error:
        return Items(Mode.BINARY, [], malformed(str(error)))
