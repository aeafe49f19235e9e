"""From a chunk of raw records to event structs and refusals."""

from operator import attrgetter

from streams import codec, headers, metrics
from streams.batch import Chunk, Decoded
from streams.codec import EnvelopeStruct, Refusal, spec_of
from streams.topics import partition_of

_headers = attrgetter("headers")


def decode(chunk: Chunk, bytes_limit: int) -> Decoded:
    """Decode every record of a chunk; a refused one becomes a Refusal in its place. Never raises for bad input."""
    records = chunk.records
    values = [record.value for record in records]
    events = codec.decode_values(values, topic=chunk.topic, limit=bytes_limit)
    for (kind, _), count in codec.unknown_fields(values, events, start=chunk.start).items():
        metrics.UNKNOWN_FIELDS.labels(kind).inc(count)
    with_headers = [i for i, record in enumerate(records) if record.headers] if any(map(_headers, records)) else ()
    for i in with_headers:
        record = records[i]
        if (name := headers.unreadable(record.headers)) is not None:
            events[i] = codec.malformed(f"Header {headers.as_text(name)} should have a name in UTF-8")
        elif codec.is_binary(record.headers):
            events[i] = codec.decode_binary(record.headers, record.value, chunk.topic, bytes_limit)
    some_refused = Refusal in set(map(type, events))
    refused = [i for i, event in enumerate(events) if type(event) is Refusal] if some_refused else []
    return Decoded(chunk, events, refused)


def misplaced(decoded: Decoded, partitions: int) -> bool:
    """Whether the chunk's first event lies on another partition than murmur2 of its key says.

    One look a chunk: a producer with another partitioner (librdkafka's default is one) shows in every chunk.
    """
    for event in decoded.events:
        if type(event) is not Refusal:
            return _is_misplaced(decoded.chunk, event, partitions)
    return False


def _is_misplaced(chunk: Chunk, event: EnvelopeStruct, partitions: int) -> bool:
    expected = spec_of(type(event)).key(event.data)
    if partition_of(expected, partitions) == chunk.partition:
        return False
    metrics.KEYS_MISPLACED.labels(chunk.topic).inc()
    return True
