"""The fast decoder and pydantic agree on every value and on every refusal.

MILLRACE_EXAMPLES=10 looks at ten times as many values.
"""

import json
import os
from typing import Any

import msgspec
from hypothesis import event, given, settings
from hypothesis import strategies as st

from streams import codec
from streams.codec import Decoder, Refusal, judge
from streams.errors import Reject
from streams.events import EventSpec, registry
from tests.strategies import adversarial_bytes, broken_events, valid_events

decoder = Decoder(registry)
MORE = int(os.environ.get("MILLRACE_EXAMPLES", "1"))
steady = settings(max_examples=60 * MORE, deadline=None)


def agree(value: bytes) -> codec.EnvelopeStruct | Refusal:
    """What both decoders say of the value, which must be the same."""
    quick, slow = decoder.quick(value), judge(value, registry, None)
    if isinstance(slow, Refusal):
        assert quick is None, f"the fast decoder takes what pydantic refuses: {slow}"
    else:
        assert quick == slow
        for name in slow.spec.amounts:
            assert str(getattr(quick.data, name)) == str(getattr(slow.data, name))
    return slow


@given(valid_events())
@steady
def test_valid_events_are_taken_by_both(drawn: tuple[EventSpec, dict[str, Any]]) -> None:
    spec, whole = drawn
    for ascii_only in (True, False):
        found = agree(json.dumps(whole, ensure_ascii=ascii_only).encode())
        assert not isinstance(found, Refusal), found
        assert found.spec is spec


@given(broken_events())
@settings(steady, max_examples=150 * MORE)
def test_broken_events(value: bytes) -> None:
    found = agree(value)
    event(str(found.reason) if isinstance(found, Refusal) else "taken")


@given(adversarial_bytes())
@settings(steady, max_examples=150 * MORE)
def test_adversarial_bytes(value: bytes) -> None:
    quick, found = decoder.quick(value), decoder.value(value, None, codec.MAX_BYTES)
    event(str(found.reason) if isinstance(found, Refusal) else "taken")
    if quick is not None:
        assert quick == found == judge(value, registry, None)
    elif not isinstance(found, Refusal):
        # The first of two fields of the same name was wrong and the last one is right: the last one holds.
        assert json.loads(value)["type"] == found.spec.name
        assert len(msgspec.json.encode(msgspec.json.decode(value))) < len(value)


@given(
    st.lists(st.one_of(valid_events().map(lambda drawn: drawn[1]), broken_events(), adversarial_bytes()), max_size=6)
)
@settings(steady, max_examples=60 * MORE)
def test_a_chunk_decodes_like_its_values_one_by_one(drawn: list[dict[str, Any] | bytes]) -> None:
    values = [value if isinstance(value, bytes) else json.dumps(value).encode() for value in drawn]
    assert codec.decode_values(values) == [decoder.value(value, None, codec.MAX_BYTES) for value in values]


@given(broken_events(), st.sampled_from(list(registry.topics)))
@settings(steady, max_examples=80 * MORE)
def test_a_topic_only_adds_refusals_of_other_types(value: bytes, topic: str) -> None:
    here, anywhere = codec.decode_values([value], topic)[0], codec.decode_values([value])[0]
    if isinstance(here, Refusal) and here.reason is Reject.WRONG_TOPIC:
        assert registry.events[str(here.event_type)].topic != topic
    else:
        assert here == anywhere
