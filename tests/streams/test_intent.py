"""The log of intents: which records are valid, for every reader alike."""

import itertools
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.errors import UnknownIntentFormat
from streams.intent import Chain, Intent, decode, nonce

TOPICS = ("a", "b")


def first() -> Intent:
    """A record that begins a chain."""
    return Intent(chain="c", seq=1, previous="", nonce=nonce(), ranges=dict.fromkeys(TOPICS, (0, 0)), begins=True)


def after(last: Intent, steps: tuple[int, int] = (1, 0), **changes: Any) -> Intent:
    """A record that continues `last`."""
    ranges = {topic: (last.ends[topic], last.ends[topic] + step) for topic, step in zip(TOPICS, steps, strict=True)}
    made = Intent(chain=last.chain, seq=last.seq + 1, previous=last.nonce, nonce=nonce(), ranges=ranges)
    return msgspec.structs.replace(made, **changes)


def chain_of(*records: Intent) -> Chain:
    """A chain that has read these records."""
    chain = Chain()
    for offset, record in enumerate(records):
        chain.take(offset, record.encode())
    return chain


def test_a_record_survives_the_wire() -> None:
    record = after(first(), rows={"t": 3}, verdict={"a": {"invalid": [4, 2]}}, missing={"t": {"a": [1, 1]}})
    assert decode(record.encode()) == record


def test_a_successor_is_valid_and_moves_the_chain() -> None:
    one = first()
    two = after(one, (5, 2))
    chain = chain_of(one, two)
    assert chain.last == two
    assert two.ends == {"a": 5, "b": 2}
    assert (chain.offset, chain.void) == (1, 0)


@pytest.mark.parametrize(
    "changes",
    [
        {"seq": 3},
        {"seq": 1},
        {"previous": "other"},
        {"chain": "other"},
        {"stores": 2},
        {"ranges": {"a": (0, 1)}},
        {"ranges": {"a": (1, 2), "b": (0, 0)}},
        {"ranges": {"a": (0, -1), "b": (0, 0)}},
        {"ranges": {"a": (0, 1), "b": (0, 0)}, "missing": {}},
    ],
    ids=str,
)
def test_what_does_not_continue_the_chain_is_void(changes: dict[str, Any]) -> None:
    one = first()
    chain = chain_of(one, after(one, **changes))
    assert chain.last == one
    assert chain.void == 1


def test_of_two_successors_the_first_in_the_log_decides() -> None:
    one = first()
    two, rival = after(one, (3, 0)), after(one, (7, 7))
    chain = chain_of(one, two, rival, two, after(rival))
    assert chain.last == two
    assert chain.void == 3


def test_a_superseding_record_repeats_the_ranges() -> None:
    one = first()
    two = after(one, (3, 1))
    again = after(two, ranges=two.ranges, missing={"t": {"a": [1, 2]}})
    three = after(again, (1, 1))
    assert chain_of(one, two, again, three).last == three


def test_a_later_version_may_add_a_topic_but_none_may_leave() -> None:
    one = first()
    wider = after(one, ranges={"a": (0, 1), "b": (0, 0), "c": (9, 9)})
    assert chain_of(one, wider).last == wider
    assert chain_of(one, wider, after(wider, ranges={"a": (1, 2), "b": (0, 0)})).last == wider


def test_a_chain_begins_only_with_its_first_record_or_after_the_named_one() -> None:
    one = first()
    assert chain_of(after(one)).last is None
    anew = msgspec.structs.replace(after(one), chain="d", begins=True, ranges={"a": (40, 40), "b": (0, 0)})
    assert chain_of(one, anew).last == anew
    stray = msgspec.structs.replace(anew, previous="someone")
    assert chain_of(one, stray).last == one


@pytest.mark.parametrize("value", [None, b"", b"{", b"[]", b"\xff", b'{"format": 1}', b'{"format": "2"}', b"null"])
def test_what_is_no_intent_is_void(value: bytes | None) -> None:
    chain = chain_of(first())
    assert chain.take(1, value) is None
    assert chain.void == 1


def test_a_record_of_a_later_format_is_not_judged() -> None:
    with pytest.raises(UnknownIntentFormat, match="format 3"):
        chain_of(first()).take(1, b'{"format": 3, "anything": []}')


def test_the_token_names_the_batch_alone() -> None:
    one = after(first())
    assert one.token("g", 3) == f"g/3/c/2/{one.nonce}"
    assert one.token("g", 3) != after(first()).token("g", 3)


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3), st.integers(0, 3), st.booleans()), max_size=40))
def test_all_readers_see_one_chain_of_disjoint_gapless_ranges(steps: list[tuple[int, int, int, bool]]) -> None:
    """Three writers, each knowing the log up to some point, append whatever they believe comes next."""
    log = [first()]
    believed = [Chain(), Chain(), Chain()]
    read = [0, 0, 0]
    for writer, one, two, catches_up in steps:
        chain = believed[writer]
        if catches_up or chain.last is None:
            for offset in range(read[writer], len(log)):
                chain.take(offset, log[offset].encode())
            read[writer] = len(log)
        assert chain.last is not None
        log.append(after(chain.last, (one, two)))
    reader, valid = Chain(), []
    for offset, record in enumerate(log):
        if (taken := reader.take(offset, record.encode())) is not None:
            valid.append(taken)
    assert [record.seq for record in valid] == list(range(1, len(valid) + 1))
    for previous, record in itertools.pairwise(valid):
        assert {topic: start for topic, (start, _) in record.ranges.items()} == previous.ends
    for chain, position in zip(believed, read, strict=True):
        assert chain.last is None or chain.last in valid[: position + 1]
